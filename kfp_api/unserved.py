"""Methods of Kubeflow Pipelines that are not served: each answers 501 and says what to do instead."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from kfp_api.answers import Code, RequestError

_ARTIFACTS = (
    "artifacts are not served here: each is described by artifacts/<task>/<output>.json of the run, in the artifact "
    "store of the site where it was made"
)


def add_routes(app: web.Application) -> None:
    """Register the routes that answer with these sentences."""
    for method, path, sentence in (
        ("GET", "/apis/v2beta1/runs/{run_id}/nodes/{node_id}/artifacts/{name:.+}", _ARTIFACTS),
        ("*", "/apis/v2beta1/artifacts{rest:.*}", _ARTIFACTS),
        ("POST", "/apis/v2beta1/pipelines/create", _from_a_url()),
        ("POST", "/apis/v2beta1/visualizations/{namespace}", "visualizations are not served"),
        ("GET", "/apis/v2beta1/auth", "ask the API server: kubectl auth can-i create stretchedpipelines.moorage.dev"),
    ):
        app.router.add_route(method, path, _says(sentence))


def _from_a_url() -> str:
    return "pipelines are not fetched from a package_url here: upload the package (kfp.Client().upload_pipeline)"


def _says(sentence: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def unserved(_request: web.Request) -> web.Response:
        raise RequestError(Code.UNIMPLEMENTED, sentence)

    return unserved
