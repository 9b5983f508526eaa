"""Benchmarks of Capsule and its peers: speed, CPU and memory. `./taskw bench`, `--quick` for a short run.

The same load runs against each system in turn, round after round, so that other activity of the machine affects all alike; the results are medians.
wrk measures rates and latencies. CPU time is that of all processes of a system, RabbitMQ and PostgreSQL, which the systems use one at a time.
Memory is the proportional set size. Publisher confirms, outbox, inbox, deadlines and both verifications of the token are on for Capsule; the peers
have no confirms, outbox and inbox, but for the one that says so.

    plan      the rows, their goals and their order: every system in turn, round after round
    systems   Capsule (consuming, pushed, another checkout), the NestJS and the FastStream peers: start, fill, processes
    load      wrk and its script
    events    a publisher of events at a fixed rate
    usage     CPU and memory from /proc
    meter     CPU of a system and its servers, and the numbers of a load
    rows      get, post, event, cold starts; mixed, throughput (events at full rate), idle, start (`up`), application, noisy and proxies (ingress)
              measure the rows of their names
    report    rows, goals and the table
    chart     docs/bench.svg
    check     the comparison with the committed run
"""
