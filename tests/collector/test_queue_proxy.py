"""Requests from the metrics of queue-proxy, in the names of the versions that are supported."""

import pytest

from knative.collector.duration_buckets import bucket_of
from knative.collector.queue_proxy import Counted, parse
from knative.collector.request_counters import RequestCounters
from knative.collector.request_windows import RequestWindows
from tests.collector.node import pod

HTTP = (
    'http_request_method="GET",http_response_status_code="{status}",network_protocol_name="http",network_protocol_version="1.1",'
    'otel_scope_name="go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",otel_scope_schema_url="",otel_scope_version="0.68.0",'
    'server_address="{host}",url_scheme="http"'
)
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


def histogram(name: str, labels: str, durations: list[float], factor: float = 1.0) -> str:
    lines = [f'{name}_bucket{{{labels},le="{bound * factor:g}"}} {sum(each <= bound for each in durations)}' for bound in BOUNDS]
    lines.append(f'{name}_bucket{{{labels},le="+Inf"}} {len(durations)}')
    return "\n".join([*lines, f"{name}_sum{{{labels}}} {sum(durations) * factor}", f"{name}_count{{{labels}}} {len(durations)}", ""])


def otel(durations: dict[int, list[float]], host: str = "hello.example.com") -> str:
    """What a queue-proxy of Serving 1.19 to 1.23 exposes, shortened: the Go runtime, the target, and both histograms of requests."""
    text = (
        "# HELP go_goroutine_count Count of live goroutines.\n# TYPE go_goroutine_count gauge\n"
        'go_goroutine_count{otel_scope_name="go.opentelemetry.io/contrib/instrumentation/runtime",otel_scope_version="0.68.0"} 21\n'
        "# TYPE target_info gauge\n"
        'target_info{k8s_container_name="queue-proxy",k8s_namespace_name="app-hello",kn_revision_name="hello-production-00001"} 1\n'
        "# HELP http_server_request_duration_seconds Duration of HTTP server requests.\n# TYPE http_server_request_duration_seconds histogram\n"
    )
    for status, each in durations.items():
        labels = HTTP.format(status=status, host=host)
        text += histogram("http_server_request_duration_seconds", labels, each)
        text += f"http_server_request_body_size_bytes_sum{{{labels}}} {10 * len(each)}\n"
        text += f"http_server_response_body_size_bytes_sum{{{labels}}} {100 * len(each)}\n"
        scope = f'http_response_status_code="{status}",otel_scope_name="knative.dev/serving/pkg/queue"'
        text += histogram("kn_serving_invocation_duration_seconds", scope, each[: len(each) // 2])
    return text


def test_requests_are_read_under_their_names_since_1_19() -> None:
    counted = parse(otel({200: [0.02, 0.02, 0.3], 503: [0.001]}) + otel({200: [12.0]}, host="other.example.com").partition("# HELP http")[2])
    assert {status: (each.count, round(each.seconds, 3)) for status, each in counted.items()} == {200: (4, 12.34), 503: (1, 0.001)}
    assert (counted[200].request_bytes, counted[200].response_bytes) == (40, 400)
    assert counted[200].buckets[0.025] == 2


def test_requests_that_reached_the_container_count_where_the_others_are_missing() -> None:
    scope = 'http_response_status_code="200",otel_scope_name="knative.dev/serving/pkg/queue"'
    assert parse(histogram("kn_serving_invocation_duration_seconds", scope, [0.1, 0.2]))[200].count == 2


def test_requests_are_read_under_their_names_before_1_19() -> None:
    labels = 'configuration_name="hello",container_name="queue-proxy",namespace_name="app-hello",response_code="404",response_code_class="4xx"'
    counted = parse(histogram("revision_request_latencies", labels, [0.05], factor=1000.0))
    assert (counted[404].count, round(counted[404].seconds, 3)) == (1, 0.05)


def test_a_queue_proxy_without_requests_reports_none() -> None:
    assert parse(otel({})) == {}


@pytest.mark.parametrize("value", ["NaN", "-1", "+Inf", "1e300"])
def test_impossible_samples_are_left_out(value: str) -> None:
    labels = HTTP.format(status=200, host="x")
    assert parse(f"http_server_request_duration_seconds_count{{{labels}}} {value}\n") == {}


def test_a_text_in_another_format_is_refused() -> None:
    with pytest.raises(ValueError):
        parse("http_server_request_duration_seconds_count{ 1 2 3 <html>\n")


def test_durations_keep_count_and_order() -> None:
    (counted,) = parse(otel({200: [0.02] * 3 + [0.3] + [60.0]})).values()
    durations = counted.window({}).durations
    assert sum(durations.values()) == 5
    low, middle, high = sorted(durations)
    assert bucket_of(10) < low < bucket_of(25) and bucket_of(250) < middle < bucket_of(500) and high > bucket_of(10_000)
    (alone,) = parse(otel({200: [0.021, 0.023]})).values()
    assert alone.window({}).durations == {bucket_of(22): 2}, "the mean of requests in one bucket is known"


def test_a_counter_that_starts_again_counts_from_zero() -> None:
    before = Counted(10, 1.0, {1.0: 10}, 100, 100)
    assert Counted(12, 1.5, {1.0: 12}, 120, 110).since(before) == Counted(2, 0.5, {1.0: 2}, 20, 10)
    assert Counted(3, 0.3, {1.0: 3}).since(before).count == 3


def test_differences_are_added_once() -> None:
    counters, windows = RequestCounters(), RequestWindows()
    for durations, expected in (([0.1], 1), ([0.1], 0), ([0.1, 0.1, 0.2], 2)):
        assert counters.add(pod(), parse(otel({200: durations})), windows) == expected
    batch = windows.take_batch()
    assert batch is not None
    (window,) = batch["windows"]
    assert (window["count"], window["status"], window["revision"], window["requestBytes"]) == (3, 200, "hello-production-00001", 30)


def test_a_first_installation_counts_from_now_on() -> None:
    counters, windows = RequestCounters(baseline_before="2026-11-30T09:00:00Z"), RequestWindows()
    assert counters.add(pod(), parse(otel({200: [0.1] * 1000})), windows) == 0
    assert counters.add(pod(), parse(otel({200: [0.1] * 1001})), windows) == 1
