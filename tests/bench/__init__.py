"""Benchmarks of Capsule and its peers: speed, CPU and memory. `./taskw bench`, `--quick` for a short run.

The same load runs against each system in turn, round after round, so that other activity of the machine affects all alike; the results are medians.
wrk measures rates and latencies. CPU time is that of all processes of a system, RabbitMQ and PostgreSQL, which the systems use one at a time.
Memory is the proportional set size. Publisher confirms, outbox, inbox, deadlines and both verifications of the token are on for Capsule; the peers
have no confirms, outbox and inbox, but for the one that says so.

    systems   Capsule (consuming, pushed, another checkout), the NestJS and the FastStream peers: start, fill, processes
    load      wrk and its script
    events    a publisher of events at a fixed rate
    usage     CPU and memory from /proc
    rows      the measurements, one function per row
    report    the table and the chart
    check     the comparison with the committed run
"""
