"""A dataset of which the node holds a part: objects that are on its disk come from there, the others from the source.

All of them are of one version, which the node's manifest of it names: of the source only what is as it was listed is
taken. rclone reads it as a folder of WebDAV, over a socket that nobody else may use.

    source   the objects, wherever they are
    listing  folders in WebDAV's words (pure)
    server   answers rclone
"""
