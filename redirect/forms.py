"""The form that asks for a link's password: plain HTML that works without scripts, styles or pictures."""

from typing import Final

from domain.routes import PASSWORD_FIELD, Decision
from domain.visits import Outcome
from redirect import responses
from redirect.responses import Answer

# Chromium applies form-action also to where a form's answer redirects, and a right password leads to the
# link's destination, which this page must not tell: so any web address is allowed.
_SECURITY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' http: https:; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_STYLE: Final = """
label, input, button { display: block; font: inherit }
input, button { box-sizing: border-box; min-height: 2.75rem; padding: .5rem .75rem; width: 100% }
button { margin-top: 1rem }
"""
_FORM: Final = """<form method="post">
<label for="password">Password</label>
<input id="password" name="{field}" type="password" autocomplete="off" required autofocus{more}>
<button type="submit">Continue</button>
</form>"""
_PROBLEM: Final = '<p id="problem" role="alert">This is not the password. Try again.</p>\n'
_WRONG: Final = ' aria-invalid="true" aria-describedby="problem"'


def _made(status: int, problem: str, more: str) -> Answer:
    text = "<p>This link asks for a password before it opens.</p>\n"
    form = _FORM.format(field=PASSWORD_FIELD, more=more)
    return responses.shown(status, "Password required", text + problem + form, _STYLE, _SECURITY)


ASKING: Final = _made(200, "", "")
WRONG: Final = _made(403, _PROBLEM, _WRONG)


def answer(decision: Decision) -> Answer:
    """The answer that a decision asks for, be it this form."""
    return ASKING if decision.outcome is Outcome.PASSWORD_REQUIRED else responses.of(decision)
