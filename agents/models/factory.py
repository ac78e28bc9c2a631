"""Which model answers: ``rules`` by default, ``openai:NAME`` for any OpenAI-compatible endpoint."""

from collections.abc import Mapping

from agents.errors import ModelNameError
from agents.models.port import Model
from agents.models.rules import RulesModel


def model_from(name: str, environ: Mapping[str, str]) -> Model:
    """The model of that name, with key and address from ``environ``; ModelNameError.

    ``OPENAI_BASE_URL`` names the endpoint; without one, ``OPENAI_API_KEY`` must be set.
    """
    if name == "rules":
        return RulesModel()
    kind, _, model = name.partition(":")
    if kind != "openai" or not model.strip():
        raise ModelNameError(f"no model is called {name!r}: it is rules or openai:NAME")
    base_url = environ.get("OPENAI_BASE_URL") or None
    key = environ.get("OPENAI_API_KEY") or ("none" if base_url else "")
    if not key:
        raise ModelNameError(f"{name} needs OPENAI_API_KEY, or OPENAI_BASE_URL for an endpoint without keys")
    from agents.models.openai import OpenAIModel  # noqa: PLC0415 - HTTP is loaded only by who asks for it

    return OpenAIModel(model, api_key=key, base_url=base_url)
