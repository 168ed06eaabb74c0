"""restoreLink: back into use, as whatever the clock and its other fields make it."""

from tests.api.conftest import Api

STORY = """
mutation ($id: ID!) {
  archiveLink(id: $id) { link { status } }
  updateLink(input: {id: $id, paused: true}) { link { status } }
  restoreLink(id: $id) { link { status version } }
}
"""


async def test_a_paused_link_is_paused_again(api: Api) -> None:
    link = await api.create()
    told = await api(STORY, id=link["id"])
    assert told["archiveLink"]["link"]["status"] == "ARCHIVED"
    assert told["updateLink"]["link"]["status"] == "ARCHIVED"
    assert told["restoreLink"]["link"] == {"status": "PAUSED", "version": 4}
