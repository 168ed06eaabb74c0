"""What a demo begins with: campaigns, a template and links, made as any caller of the API would make them."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from domain import campaign_edits, creations, template_edits, templates
from domain.campaign_drafts import CampaignDraft
from domain.campaigns import Campaign, Channel
from domain.drafts import Draft
from domain.errors import Rejected
from domain.links import Link
from domain.template_drafts import TemplateDraft
from domain.templates import Template, Templates
from domain.workbenches import Workbench

_CAMPAIGNS: Final = ("Spring launch", "Autumn webinar", "Refer a friend")
_CHANNELS: Final = (
    Channel("email", "newsletter", "email"),
    Channel("social", "linkedin", "social"),
    Channel("ads", "google", "paid"),
)
_TOPICS: Final = (
    "pricing",
    "changelog",
    "docs",
    "careers",
    "blog",
    "security",
    "integrations",
    "case-studies",
)
_TAGS: Final = ("product", "sales", "support", "docs", "event")
_SEGMENTS: Final = ("smb", "enterprise", "startup", "education")
_PLANS: Final = ("trial", "team", "business")
_WELCOME: Final = TemplateDraft(
    name="Welcome",
    destination="https://app.example.com/welcome/{{ plan | downcase }}?ref={{ customer }}",
    slug="hi-{{ customer | slugify }}",
    title="Welcome, {{ customer }}",
    tags=["onboarding"],
    utm={"source": "crm", "medium": "email"},
    attributes={"segment": "{{ segment }}", "plan": "{{ plan }}"},
)


async def links(count: int, bench: Workbench, store: Templates, dice: Random) -> list[Link]:
    """Make `count` links, the most popular first: of campaigns' channels, of a template, and others.

    Args:
        bench: its clock says when all of it is made.
        store: where the template is kept.
        dice: decides destinations, tags and who becomes popular.

    Raises:
        Rejected: the workspace's own limits stand against it.
        errors.Unavailable: the database does not answer.
    """
    template = await template_edits.create(_WELCOME, bench, store)
    campaigns = [await _campaign(name, bench) for name in _CAMPAIGNS[: max(1, count // 10)]]
    drafts = list(_drafts(count, template, campaigns, bench, dice))
    made: list[Link] = []
    for start in range(0, count, creations.MAX_ROWS):
        rows = drafts[start : start + creations.MAX_ROWS]
        made += [_kept(each) for each in await creations.create_many(rows, bench)]
    dice.shuffle(made)
    return made


async def _campaign(name: str, bench: Workbench) -> Campaign:
    return await campaign_edits.create(CampaignDraft(name=name, channels=_CHANNELS), bench)


def _drafts(
    count: int, template: Template, campaigns: Sequence[Campaign], bench: Workbench, dice: Random
) -> Iterator[Draft]:
    for number in range(count):
        kind = number % 5
        if kind == 0:
            yield _of_campaign(dice.choice(campaigns), dice)
        elif kind == 1:
            values = {"customer": f"Customer {number}", "plan": dice.choice(_PLANS)}
            values["segment"] = dice.choice(_SEGMENTS)
            yield templates.render(template, values, bench.clock())
        else:
            yield _other(number, dice)


def _of_campaign(campaign: Campaign, dice: Random) -> Draft:
    channel = dice.choice(campaign.channels)
    return Draft(
        destination=f"https://www.example.com/{dice.choice(_TOPICS)}",
        title=f"{campaign.name}: {channel.name}",
        tags=["campaign", dice.choice(_TAGS)],
        utm={"source": channel.source, "medium": channel.medium, "content": f"v{dice.randrange(4)}"},
        attributes={"segment": dice.choice(_SEGMENTS)},
        campaign_id=campaign.id,
    )


def _other(number: int, dice: Random) -> Draft:
    topic = dice.choice(_TOPICS)
    return Draft(
        destination=f"https://www.example.com/{topic}/{number}",
        title=f"{topic.replace('-', ' ').capitalize()} {number}",
        tags=dice.sample(_TAGS, dice.randrange(3)),
        utm={"medium": dice.choice(("social", "email", "referral"))} if dice.random() < 0.4 else {},
        attributes={"segment": dice.choice(_SEGMENTS), "plan": dice.choice(_PLANS)},
    )


def _kept(row: Link | Rejected) -> Link:
    if isinstance(row, Rejected):
        raise row
    return row
