#include "stress/stress.hpp"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

namespace stress {

std::vector<part>& parts() {
  static std::vector<part> all;
  return all;
}

namespace {

unsigned long from_environment(const char* name, unsigned long otherwise) {
  const char* const text = std::getenv(name);
  return text != nullptr ? std::strtoul(text, nullptr, 10) : otherwise;
}

TEST(stress, all_parts_in_random_turns) {
  const auto seconds = from_environment("TRINE_STRESS_SECONDS", support::sanitized ? 20 : 60);
  const auto seed = from_environment("TRINE_STRESS_SEED", std::random_device()());
  std::printf("TRINE_STRESS_SECONDS=%lu TRINE_STRESS_SEED=%lu\n", seconds, seed);
  std::fflush(stdout);
  engine random(static_cast<engine::result_type>(seed));
  std::map<std::string, long> rounds;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (std::chrono::steady_clock::now() < end && !HasFailure()) {
    const part& next = parts()[below(random, static_cast<unsigned>(parts().size()))];
    next.round(random);
    ++rounds[next.name];
    if (HasFailure()) std::printf("failed: %s\n", next.name);
  }
  for (const auto& [name, count] : rounds) std::printf("%s: %ld rounds\n", name.c_str(), count);
}

}  // namespace
}  // namespace stress
