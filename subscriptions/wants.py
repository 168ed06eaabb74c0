"""Who wants which items of one feed: filters are asked once for all who share them, and links looked up."""

from collections import defaultdict
from collections.abc import Sequence

from domain.feeds import Item, Wanted
from subscriptions.subscribers import Subscriber


class Wants:
    """The subscribers of one feed by what they want; those of certain links cost nothing for other links."""

    def __init__(self) -> None:
        self._subscribers: dict[Wanted, set[Subscriber]] = {}
        self._of_any_link: dict[Wanted, None] = {}
        self._of_links: defaultdict[str, dict[Wanted, None]] = defaultdict(dict)

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

    def offer(self, items: Sequence[Item]) -> list[Subscriber]:
        """Offer the next items of one slot to whoever wants some of them; gives those."""
        found: dict[Wanted, list[Item]] = {}
        for wanted in self._of_any_link:
            matching = [item for item in items if wanted.matches(item)]
            if matching:
                found[wanted] = matching
        if self._of_links:
            for item in items:
                for wanted in self._of_links.get(item.link_id or "", ()):
                    if wanted.matches(item):
                        found.setdefault(wanted, []).append(item)
        offered = []
        for wanted, matching in found.items():
            for subscriber in self._subscribers[wanted]:
                subscriber.offer(matching)
                offered.append(subscriber)
        return offered
