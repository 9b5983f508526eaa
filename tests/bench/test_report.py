"""Goals stand beside the figures, and the chart shows every system that was measured."""

from xml.etree import ElementTree

from tests.bench.chart import chart
from tests.bench.figures import figures
from tests.bench.report import Row, at_least, at_most, table


def run(**rates: float) -> Row:
    goals = (at_least(1.6, "NestJS"), at_most(200, number="p95"), at_least(1.5, "FastStream"))
    row = Row("requests", "per second", "rate", goals=goals)
    for system, rate in rates.items():
        row.add(system, {"rate": rate, "p95": 250})
    return row


def test_goals_say_whether_they_are_reached_and_nothing_about_what_was_not_measured() -> None:
    assert run(Capsule=160, NestJS=100).verdicts("Capsule") == ["≥ 1.6 × NestJS: reached", "p95 ≤ 200: missed", "≥ 1.5 × FastStream"]
    assert run(Capsule=159, NestJS=100).verdicts("Capsule")[0] == "≥ 1.6 × NestJS: missed"


def test_the_table_names_goals_beside_capsule_only() -> None:
    text = table([run(Capsule=160, NestJS=100)], ["NestJS"])
    capsule, peer = text.splitlines()[2:]
    assert "≥ 1.6 × NestJS: reached; p95 ≤ 200: missed" in capsule and "≥" not in peer


def test_the_document_has_a_line_for_each_row_under_its_run() -> None:
    first, second = run(Capsule=160, NestJS=100), run(Capsule=90)
    second.title = "events"
    text = figures([first, second], {"requests": "yesterday", "events": "today"}, ["NestJS"])
    assert (
        text.index("## yesterday")
        < text.index("| requests | per second | 160 | 100 |")
        < text.index("## today")
        < text.index("| events | per second | 90.0 |")
    )


def test_a_row_is_the_same_after_it_was_stored() -> None:
    row = run(Capsule=160, NestJS=100)
    assert Row.from_json(row.title, row.to_json("today")) == row


def test_the_chart_has_a_bar_for_each_system_and_a_line_for_each_goal_that_it_can_place() -> None:
    document = ElementTree.fromstring(chart([run(Capsule=160, **{"Capsule in before": 80}, NestJS=100)], "today"))
    names = [element.text for element in document.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Capsule", "Capsule in before", "NestJS", "160", "80.0", "100"} <= set(names)
    assert len(document.findall("{http://www.w3.org/2000/svg}line")) == 1
    (page, *bars) = document.findall("{http://www.w3.org/2000/svg}rect")
    lengths = [float(bar.attrib["width"]) for bar in bars]
    assert lengths[0] == max(lengths) and page.attrib["class"] == "page"
