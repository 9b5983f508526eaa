"""How the local RabbitMQ stops on SIGTERM: its applications first, then Erlang's VM.

By itself the VM stops its application controller, which then waits for RabbitMQ's applications. One of them, the management agent, sets a variable of
its application while it ends (rabbit_mgmt_db_handler), which is a call to that controller: it gets no answer for five seconds, the time-out of such
calls. After that the VM waits a second for the process of its standard input and output.

Here that handler ends first, while the controller answers. `rabbit:stop/0`, which `rabbitmqctl stop` calls too, then ends the applications and closes
what is on disk. `rabbitmqctl` would start a second VM for that, half a second of CPU or more.
"""

from pathlib import Path

STOP_SECONDS = 15
"""How long `rabbit:stop/0` may take. After it, and when it fails, the VM stops as it would by itself."""

SCRIPT = f"""%% Written at each start of RabbitMQ by Capsule and evaluated by it. See knative/machine/rabbitmq_shutdown.py.
%% Functions of sys:install/2 see each event before the handlers of Erlang's signal server do.
Stop = fun() ->
               catch gen_event:delete_handler(rabbit_event, rabbit_mgmt_db_handler, stop),
               rabbit:stop(),
               erlang:halt(0)
       end,
OnEvent = fun(State, {{in, {{notify, sigterm}}}}, _) ->
                  {{_, Monitor}} = spawn_monitor(Stop),
                  receive {{'DOWN', Monitor, process, _, _}} -> State after {STOP_SECONDS * 1000} -> State end;
             (State, _, _) -> State
          end,
catch sys:install(erl_signal_server, {{OnEvent, none}}).
"""


def write_script(file: Path) -> str:
    """Write the script. Returns the arguments of Erlang's VM that evaluate it when RabbitMQ has started: it must find `file` in its working folder.

    The arguments have no white space within: RabbitMQ's script splits them there and does not know quotes.
    """
    file.write_text(SCRIPT)
    return f'-eval file:script("{file.name}")'
