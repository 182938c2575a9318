"""The same story in four copies: read once, cited four times; what differs in a number is no copy."""

from __future__ import annotations

import numpy as np
import pytest

from rag.copies import Once, find_copy
from rag.datatypes import Document, Span
from rag.pipeline import Pipeline
from rag.sketches import SKETCH_SIZE, group_copies, shingles, sketch_texts

STORY = [
    "The harbour of Eastwick froze in the winter of 1947, for the first time since the new pier had been built.",
    "Forty ships waited outside for nine weeks, and their crews walked over the ice to the town to buy bread.",
    "The harbour master, Walter Finch, hired two hundred men who cut a channel with saws and with dynamite.",
    "Nobody was hurt, but the pier lost its lamps and the ferry did not sail again before the month of April.",
    "A stone at the old customs house still shows how high the ice stood on the coldest morning of that year.",
]
OTHERS = {
    f"other{n}.txt": f"The {thing} of Eastwick was rebuilt in 19{n}0 after a long quarrel about {what} and money.\n"
    for n, (thing, what) in enumerate(
        [
            ("town hall", "the colour of its roof"),
            ("fish market", "the smell of herring"),
            ("railway station", "the length of the platforms"),
            ("theatre", "the price of the boxes"),
            ("lighthouse", "the strength of its lamp"),
            ("school", "the heating of the rooms"),
            ("bridge", "the toll for carts"),
            ("mill", "the height of the weir"),
        ],
        1,
    )
}
COPIES = {
    "agency.txt": "Harbour frozen\n\n" + " ".join(STORY),
    "herald.txt": "Ice stops the port\n\nBy Jane Doe\n\n" + "\n\n".join(STORY),
    "morning.txt": "Frost\n\nThis report first appeared elsewhere and was taken over with thanks.\n\n"
    + " ".join(STORY[:4]),
    "wire.txt": " ".join(STORY).replace(
        "crews walked over the ice to the town", "crews went over the ice to the town"
    ),
}


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.from_texts({**COPIES, **OTHERS})


def test_copies_are_known_from_indexing(pipeline: Pipeline) -> None:
    assert pipeline.index.copies == {name: tuple(sorted(COPIES)) for name in COPIES}


def test_four_copies_take_one_place_of_those_that_are_read(pipeline: Pipeline) -> None:
    hits = pipeline.retriever.retrieve("How long did the ships wait outside the harbour?", 8)
    assert len(hits) == 8
    assert sum(hit.chunk.doc_id in COPIES for hit in hits) <= 2, (
        "the chunks of a story may be cut in two ways"
    )
    first = next(hit for hit in hits if hit.chunk.doc_id in COPIES)
    assert first.copies
    assert set(first.copies) <= set(COPIES) - {first.chunk.doc_id}
    assert len({hit.chunk.doc_id for hit in hits}) >= 7


def test_the_answer_cites_all_copies_once(pipeline: Pipeline) -> None:
    answer = pipeline.ask("How many men did Walter Finch hire?", top_k=1)
    assert answer.found
    assert sorted(c.doc_id for c in answer.citations) == sorted(COPIES)
    for citation in answer.citations:
        text = pipeline.index.documents[citation.doc_id].text
        assert text[citation.start : citation.end] == citation.quote
        assert citation.highlight is not None
        assert text[slice(*citation.highlight)] == answer.short
    assert answer.citations[0].quote == answer.text


def test_copies_outside_the_filter_are_not_cited(pipeline: Pipeline) -> None:
    answer = pipeline.ask("How many men did Walter Finch hire?", documents=["agency.txt", "wire.txt"])
    assert sorted(c.doc_id for c in answer.citations if c.doc_id in COPIES) == ["agency.txt", "wire.txt"]


def test_a_hundred_copies_do_not_crowd_out_the_rest() -> None:
    many = {f"copy{n:03}.txt": COPIES["agency.txt"] for n in range(100)}
    pipeline = Pipeline.from_texts({**many, **OTHERS})
    hits = pipeline.retriever.retrieve(
        "When was the lighthouse of Eastwick rebuilt, before the harbour froze?", 8
    )
    assert len(hits) == 8
    assert len({hit.chunk.doc_id for hit in hits} & set(OTHERS)) >= 6


SHIPS = "Forty ships waited outside the harbour for nine weeks that winter."
STORM = "The storm killed {} people on the coast on Monday, the police said."
MAYOR = "The mayor will {}build the bridge over the river this year, she said."
RACE = "The race of Lund was won by {} of the northern yacht club on Saturday."
CREWS = "Die Mannschaften von {} Schiffen gingen im Winter über das Eis in die Stadt."
CHILDREN = "Le maire a promis une école neuve pour {} enfants du port cette année."
NIGHTS = "La nieve cerró el puerto durante {} noches y nadie pudo salir de la ciudad."
COURT = "The court says it {} legal to fish in the lake in the summer months."


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (SHIPS, SHIPS.upper(), True),
        (SHIPS, SHIPS.replace("nine", "9"), False),
        (STORM.format(12), STORM.format(15), False),
        (MAYOR.format(""), MAYOR.format("not "), False),
        (MAYOR.format("not "), MAYOR.format(""), False),
        (COURT.format("is"), COURT.format("isn’t"), False),
        (COURT.format("isn't"), COURT.format("is"), False),
        # Cut at other places: what the longer one goes on to say has numbers of its own.
        (
            f"{SHIPS} {COURT.format('is')} All of this was written down in 1948.",
            f"{SHIPS} {COURT.format('is')}",
            True,
        ),
        ("Forty ships waited outside.", "The library holds forty thousand books.", False),
    ],
)
def test_what_is_a_copy(one: str, other: str, same: bool) -> None:
    once = Once()
    assert once.origin("one", one) is None
    assert (once.origin("other", other) == 0) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (STORM.format("sixty"), STORM.format("ninety"), False),
        (CREWS.format("vierzig"), CREWS.format("fünfundvierzig"), False),
        (CHILDREN.format("quatorze"), CHILDREN.format("soixante"), False),
        (NIGHTS.format("dieciséis"), NIGHTS.format("treinta"), False),
        (RACE.format("Zebulon Aldous"), RACE.format("Wolfram Quillon"), False),
        (RACE.format("Zebulon Aldous"), RACE.format("Mr. Quillon"), False),
        (SHIPS + " They were led by Aldous.", SHIPS + " They were led by Quillon.", False),
        # Who wrote it, and for whom, differs from copy to copy; so does how a name is put.
        (f"By Jane Doe\n\n{SHIPS}", f"By John Roe\n\n{SHIPS}", True),
        (f"Ice stops the port\nBy Jane Doe\n{SHIPS}", f"Ice stops the port\nBy John Roe\n{SHIPS}", True),
        (f"{SHIPS}\n\nLUND (AP) - {SHIPS}", f"{SHIPS}\n\nOSLO (AFP) - {SHIPS}", True),
        (f"EASTWICK (AP) - {SHIPS}", f"EASTWICK, Maine (Reuters) — {SHIPS}", True),
        (RACE.format("the captain"), RACE.format("Walter Finch"), True),
        (RACE.format("Walter Finch"), RACE.format("Finch"), True),
    ],
)
def test_names_and_number_words_tell_long_passages_apart(one: str, other: str, same: bool) -> None:
    once = Once()
    assert once.origin("one", f"{one} {' '.join(STORY)}") is None
    assert (once.origin("other", f"{other} {' '.join(STORY)}") == 0) is same


def test_papers_that_name_two_winners_are_both_read() -> None:
    said = "The regatta of Lund was held on Saturday in heavy rain before a crowd of several thousand people. {} " \
           "The prize was handed over by the mayor in the evening at the town hall after a long dinner."  # fmt: skip
    papers = {name: said.format(RACE.format(name)) for name in ("Zebulon Aldous", "Wolfram Quillon")}
    pipeline = Pipeline.from_texts({**papers, **OTHERS})
    hits = pipeline.retriever.retrieve("Who won the race of Lund?", 4)
    assert {hit.chunk.doc_id for hit in hits} >= set(papers)
    assert not any(hit.copies for hit in hits if hit.chunk.doc_id in papers)


def test_within_one_document_nothing_is_a_copy() -> None:
    once = Once()
    assert [once.origin("one", STORY[0]), once.origin("one", STORY[0])] == [None, None]


def document(text: str) -> Document:
    ends = [at + 1 for at, c in enumerate(text) if c == "."]
    starts = [0, *(end + 1 for end in ends[:-1])]
    return Document("d", text, "", sentences=tuple(Span(*span) for span in zip(starts, ends, strict=True)))


def test_where_a_copy_says_it() -> None:
    held = document(
        "Before. The harbour master, Walter  Finch, hired two\nhundred men. Later he hired a cook."
    )
    found = find_copy(held, "The harbour master, Walter Finch, hired two hundred men.", "two hundred men")
    assert found is not None
    assert found[0].of(held.text) == "The harbour master, Walter  Finch, hired two\nhundred men."
    assert found[1].of(held.text) == "two\nhundred men"
    assert find_copy(held, "The harbour master, Walter Finch, hired 300 hundred men.", "hundred men") is None
    assert (
        find_copy(held, "Walter Finch hired nobody but two hundred men and a cook in the end.", "hundred men")
        is None
    )
    club = "the northern yacht club"
    other = document(RACE.format("Wolfram Quillon"))
    assert find_copy(other, RACE.format("Wolfram Quillon"), club) is not None
    assert find_copy(other, RACE.format("Zebulon Aldous"), club) is None


def test_sketches() -> None:
    assert shingles("") == set()
    assert shingles("Yes.") == {"yes"}
    text = " ".join(STORY)
    one, same, other = (sketch_texts([t]) for t in (text, text.upper(), " ".join(OTHERS.values())))
    assert one.shape == (SKETCH_SIZE,)
    assert (one == same).all()
    assert float((one == other).mean()) < 0.2
    nothing = np.zeros(SKETCH_SIZE, np.uint32)
    names = ["b", "c", "a", "x", "y"]
    assert group_copies(names, np.stack([one, other, same, nothing, nothing])) == [["a", "b"]]
    assert group_copies(names[::-1], np.stack([nothing, nothing, same, other, one])) == [["a", "b"]]
    assert group_copies([], np.zeros((0, SKETCH_SIZE), np.uint32)) == []


def test_sketches_are_those_of_datasketch() -> None:
    from datasketch import MinHash

    text = " ".join([*STORY, *OTHERS.values(), "北京大学 œuvre"])
    theirs = MinHash(SKETCH_SIZE, seed=1, scheme="affine32")
    theirs.update_batch([run.encode() for run in shingles(text)])
    assert sketch_texts([text]).tolist() == theirs.hashvalues.tolist()
    empty = MinHash(SKETCH_SIZE, seed=1, scheme="affine32")
    assert sketch_texts([]).tolist() == empty.hashvalues.tolist()


def test_copies_are_found_among_many_that_are_none() -> None:
    made = np.random.default_rng(4)
    sketches = made.integers(1, 2**32, (300, SKETCH_SIZE), np.uint32)
    expected = []
    for first in range(0, 60, 3):
        for copy in (first + 1, first + 2):
            alike = made.permutation(SKETCH_SIZE)[:60]
            sketches[copy, alike] = sketches[first, alike]
        expected.append([f"{place:03}" for place in range(first, first + 3)])
    names = [f"{place:03}" for place in range(300)]
    assert group_copies(names, sketches) == expected
    order = made.permutation(300)
    assert group_copies([names[at] for at in order], sketches[order]) == expected
