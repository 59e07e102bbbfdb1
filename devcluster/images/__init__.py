"""Container images without a registry or Docker: OCI-layout tars made from Debian packages, wheels and our code.

Layers are content-addressed and shared; the same inputs give the same bytes. It runs no container and knows nothing of
clusters: importing an image into a node is the cluster's business.
"""

from devcluster.images.build import ImageFile, build, build_all, bundle
from devcluster.images.recipes import COMPONENTS, Recipe, image_reference

__all__ = ["COMPONENTS", "ImageFile", "Recipe", "build", "build_all", "bundle", "image_reference"]
