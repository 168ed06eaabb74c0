"""Who wants which clicks of one feed: filters are asked once for all who share them, and links looked up."""

from collections import defaultdict
from collections.abc import Sequence

from domain.click_filters import ClickFilter
from domain.clicks import Click
from subscriptions.subscribers import Subscriber


class Wants:
    """The subscribers of one feed by what they want; those of certain links cost nothing for other links."""

    def __init__(self) -> None:
        self._subscribers: dict[ClickFilter, set[Subscriber]] = {}
        self._of_any_link: dict[ClickFilter, None] = {}
        self._of_links: defaultdict[str, dict[ClickFilter, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return sum(map(len, self._subscribers.values()))

    def add(self, subscriber: Subscriber) -> None:
        """Offer it what it wants from now on."""
        wanted = subscriber.wanted
        self._subscribers.setdefault(wanted, set()).add(subscriber)
        if wanted.link_ids is None:
            self._of_any_link[wanted] = None
        for link_id in wanted.link_ids or ():
            self._of_links[link_id][wanted] = None

    def discard(self, subscriber: Subscriber) -> None:
        """Offer it nothing more."""
        wanted = subscriber.wanted
        sharing = self._subscribers.get(wanted, set())
        sharing.discard(subscriber)
        if sharing:
            return
        self._subscribers.pop(wanted, None)
        self._of_any_link.pop(wanted, None)
        for link_id in wanted.link_ids or ():
            self._of_links[link_id].pop(wanted, None)
            if not self._of_links[link_id]:
                del self._of_links[link_id]

    def offer(self, clicks: Sequence[Click]) -> list[Subscriber]:
        """Offer the next clicks of one slot to whoever wants some of them; gives those."""
        found: dict[ClickFilter, list[Click]] = {}
        for wanted in self._of_any_link:
            matching = [click for click in clicks if wanted.matches(click)]
            if matching:
                found[wanted] = matching
        if self._of_links:
            for click in clicks:
                for wanted in self._of_links.get(click.link_id or "", ()):
                    if wanted.matches(click):
                        found.setdefault(wanted, []).append(click)
        offered = []
        for wanted, matching in found.items():
            for subscriber in self._subscribers[wanted]:
                subscriber.offer(matching)
                offered.append(subscriber)
        return offered
