"""The model that is none: every schema's own default is its answer. No key, no network, no cost."""

from pydantic import ValidationError

from agents.models.port import Answer, Prompt, V


class RulesModel:
    """Answers what the schema says by default, which for every role is: as the rules have it."""

    model_id = "rules"
    consults = False

    def answer(self, prompt: Prompt, schema: type[V], *, timeout_s: float, max_tokens: int) -> Answer[V]:  # noqa: ARG002
        """Give the default of ``schema``; ``no_rule`` where it has none."""
        try:
            value = schema.model_validate({})
        except ValidationError:
            return Answer(value=None, tokens=0, model_id=self.model_id, problem="no_rule")
        return Answer(value=value, tokens=0, model_id=self.model_id)
