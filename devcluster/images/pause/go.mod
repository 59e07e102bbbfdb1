module moorage.dev/pause

go 1.21
