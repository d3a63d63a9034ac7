"""Cards: what they lack is added, what they say is kept, and none goes out without a licence."""

import pytest
from huggingface_hub import ModelCard

from weightspace.hub.card import completed_card, size_category

FACTS = {"library_name": "weightspace", "tags": ["weightspace", "zoo"]}


def test_sizes_are_named_as_the_hub_does():
    assert [size_category(rows) for rows in (0, 999, 1_000, 10**6, 10**9)] == [
        "n<1K", "n<1K", "1K<n<10K", "1M<n<10M", "100M<n<1B",
    ]  # fmt: skip


def test_what_a_card_says_is_kept():
    text = "---\nlicense: mit\ntags: [mine, zoo]\nlibrary_name: other\n---\n# Title\n"
    data = ModelCard(completed_card(text, FACTS, None, "README.md")).data
    assert data.license == "mit"
    assert data.tags == ["mine", "zoo", "weightspace"]
    assert data.library_name == "other"


def test_a_card_without_front_matter_gets_one():
    card = ModelCard(completed_card("# Title\n", FACTS, "apache-2.0", "README.md"))
    assert (card.data.license, card.data.tags) == ("apache-2.0", FACTS["tags"])
    assert "# Title" in card.text


@pytest.mark.parametrize(
    ("text", "license", "message"),
    [
        ("# Title\n", None, "README.md names no licence"),
        ("---\nlicense: mit\n---\n", "apache-2.0", "says the licence 'mit', got license='apache-2.0'"),
        ("---\nlicense: [\n---\n", "mit", "front matter of README.md can't be read"),
    ],
)
def test_wrong_cards_are_refused(text, license, message):
    with pytest.raises(ValueError, match=message):
        completed_card(text, FACTS, license, "README.md")
