"""The container that serves a pod's mounts over the S3 protocol, on loopback: rclone, and a hook that waits for it.

    settings    what the pod's spec tells it
    __main__    becomes rclone
    post_start  the postStart hook

Admission adds it to the pod (`webhook.gateway`); the image is that of the mount sidecar.
"""
