"""`make demo`: Moorage on a real Kubernetes, scene by scene.

Scenes, each a function that acts as a user would (kubectl, `kubectl dataset`) and checks what it shows. The tests
run the same scenes. It uses the product; nothing in the product may use it.
"""
