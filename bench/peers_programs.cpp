// The peers that are programs of their own: bench/peers/.
#include <memory>

#include "figures.hpp"
#include "line_peer.hpp"

namespace bench {
namespace {

series program(std::string name, std::vector<std::string> command, std::string hint,
               const char* against) {
  return {.name = std::move(name),
          .prepare =
              [command, hint] {
                auto peer = std::make_shared<line_peer>(command, hint);
                return sampler([peer](long n) { return peer->sample(n); });
              },
          .against = against};
}

}  // namespace

series small_process(const char* name, std::vector<const char*> arguments, const char* against) {
  std::vector<std::string> command{TRINE_BENCH_PEERS};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return program(name, command, "it may need a second CPU", against);
}

series go_channel(int processors, int senders, int receivers, std::size_t capacity,
                  const char* against) {
  return program(
      "Go, " + std::to_string(processors) + (processors == 1 ? " processor" : " processors"),
      {TRINE_BENCH_GO_CHANNEL, std::to_string(processors), std::to_string(senders),
       std::to_string(receivers), std::to_string(capacity)},
      "install golang-go and build again", against);
}

series go_select(const char* against) {
  return program("Go, 1 processor", {TRINE_BENCH_GO_CHANNEL, "1", "select"},
                 "install golang-go and build again", against);
}

series python_pool(int workers, const char* against) {
  const std::string count = std::to_string(workers);
  return program("ProcessPoolExecutor(" + count + ")",
                 {"/usr/bin/python3", "-I", TRINE_SOURCE_DIR "/bench/peers/pool.py", count},
                 "install python3", against);
}

}  // namespace bench
