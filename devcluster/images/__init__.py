"""Container images without a registry or Docker: OCI-layout tars made from Debian packages, wheels and our code.

Layers are content-addressed and shared; the same inputs give the same bytes. It runs no container. `delivery` pushes
images to a registry or gives them to kind, k3d, minikube, Docker or Podman; importing one into a node of ours is the
cluster's business.
"""

from devcluster.images.build import ImageFile, build, build_all, bundle
from devcluster.images.recipes import COMPONENTS, Recipe, image_reference

__all__ = ["COMPONENTS", "ImageFile", "Recipe", "build", "build_all", "bundle", "image_reference"]
