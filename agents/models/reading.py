"""Is what a model said an answer? Strict JSON of the schema that was asked for, nothing coerced or extra."""

import json
from typing import Any, Final

from pydantic import ValidationError

from agents.models.port import Answer, V
from state import canonical
from state.errors import CanonicalError

MAX_ANSWER_CHARS: Final = 32_000


def read_answer(said: Any, schema: type[V], *, model_id: str, tokens: int) -> Answer[V]:
    """Parse ``said`` (JSON text, or values) into ``schema``; else it is ``malformed`` or ``too_large``."""
    try:
        if not isinstance(said, str):
            said = json.dumps(said)
        if len(said) > MAX_ANSWER_CHARS:
            return Answer(value=None, tokens=tokens, model_id=model_id, problem="too_large")
        value = schema.model_validate_json(canonical.dumps(canonical.loads(said)), strict=True)
    except ValidationError as error:
        detail = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors()[:3])
        return Answer(value=None, tokens=tokens, model_id=model_id, problem="malformed", detail=detail[:200])
    except (CanonicalError, ValueError, TypeError, RecursionError) as error:
        detail = str(error)[:200]
        return Answer(value=None, tokens=tokens, model_id=model_id, problem="malformed", detail=detail)
    return Answer(value=value, tokens=tokens, model_id=model_id)
