"""Which model answers: ``rules`` by default, ``openai:NAME`` for any OpenAI-compatible endpoint."""

from collections.abc import Mapping

from agents.errors import ModelNameError
from agents.models.port import Model
from agents.models.rules import RulesModel


def model_from(name: str, environ: Mapping[str, str]) -> Model:
    """The model of that name, with key and address from ``environ``; ModelNameError.

    ``OPENAI_BASE_URL`` names the endpoint; without one, ``OPENAI_API_KEY`` must be set.
    """
    problem = model_problem(name, environ)
    if problem is not None:
        raise ModelNameError(problem)
    if name == "rules":
        return RulesModel()
    base_url = environ.get("OPENAI_BASE_URL") or None
    key = environ.get("OPENAI_API_KEY") or "none"
    model = name.partition(":")[2]
    from agents.models.openai import OpenAIModel  # noqa: PLC0415 - HTTP is loaded only by who asks for it

    return OpenAIModel(model, api_key=key, base_url=base_url)


def model_problem(name: str, environ: Mapping[str, str]) -> str | None:
    """Why there is no model of that name; None where ``model_from`` gives one."""
    kind, _, model = name.partition(":")
    if name == "rules":
        return None
    if kind != "openai" or not model.strip():
        return f"no model is called {name!r}: it is rules or openai:NAME"
    if not environ.get("OPENAI_API_KEY") and not environ.get("OPENAI_BASE_URL"):
        return f"{name} needs OPENAI_API_KEY, or OPENAI_BASE_URL for an endpoint without keys"
    return None
