#!/bin/sh
# Runs a RabbitMQ node in the directory $1 until standard input closes, which happens when the tests end in any way; then stops
# the node and deletes the directory. Reads the commands "stop", "kill" and "start" from standard input.
# Usage: broker.sh FOLDER AMQP-PORT TLS-PORT MANAGEMENT-PORT DISTRIBUTION-PORT EPMD-PORT
set -u
home=$1 amqp=$2 tls=$3 management=$4 distribution=$5 epmd=$6

export HOME="$home" ERL_EPMD_PORT="$epmd" ERL_EPMD_ADDRESS=127.0.0.1
export RABBITMQ_NODENAME="node$amqp@localhost" RABBITMQ_DIST_PORT="$distribution"
export RABBITMQ_MNESIA_BASE="$home/data" RABBITMQ_LOG_BASE="$home/log" RABBITMQ_LOGS="$home/log/node.log"
export RABBITMQ_CONFIG_FILE="$home/rabbitmq.conf" RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_ADVANCED_CONFIG_FILE="$home/none"
export RABBITMQ_ENABLED_PLUGINS_FILE="$home/plugins" RABBITMQ_GENERATED_CONFIG_DIR="$home/generated"
export RABBITMQ_PID_FILE="$home/pid"
# Two schedulers, because the node shares the machine with the tests. With input allowed, the script executes the node itself.
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 2:2 +sbwt none -noinput" RABBITMQ_ALLOW_INPUT=1

cat >"$home/rabbitmq.conf" <<END
listeners.tcp.1 = 127.0.0.1:$amqp
listeners.ssl.1 = 127.0.0.1:$tls
ssl_options.cacertfile = $home/ca.pem
ssl_options.certfile = $home/broker.pem
ssl_options.keyfile = $home/broker.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
management.tcp.ip = 127.0.0.1
management.tcp.port = $management
loopback_users = none
default_user = platform
default_pass = amqp-of-a-test
# Metrics are not used.
management_agent.disable_metrics_collector = true
log.file.level = info
END
echo '[rabbitmq_management].' >"$home/plugins"

server=$(command -v rabbitmq-server)
# The script of Debian requires root or the user rabbitmq; the one that it starts does not.
for script in /usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server /usr/lib/rabbitmq/bin/rabbitmq-server; do
    [ -x "$script" ] && server=$script
done

start() { setsid "$server" </dev/null >>"$home/console" 2>&1 & node=$!; }

setsid epmd -port "$epmd" -address 127.0.0.1 </dev/null >/dev/null 2>&1 &
names=$!
start
while read -r command; do
    case $command in
    stop) kill -TERM "$node"; wait "$node" ;;
    kill) kill -KILL "-$node"; wait "$node" ;;
    start) start ;;
    esac
    echo "$command"
done
kill -KILL "-$node"
kill -KILL "-$names"
rm -rf "$home"
