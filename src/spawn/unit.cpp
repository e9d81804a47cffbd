#include <stdexcept>
#include <string>
#include <trine/unit.hpp>

namespace trine {

const char* to_string(unit_kind kind) noexcept {
  constexpr const char* names[] = {"process", "thread", "coroutine"};
  return names[static_cast<unsigned>(kind) % 3];
}

void cpu_set::add(unsigned cpu) {
  if (cpu >= capacity)
    throw std::out_of_range("trine: there is no CPU " + std::to_string(cpu) +
                            "; numbers go from 0 to 1023");
  words_[cpu / 64] |= std::uint64_t{1} << (cpu % 64);
}

any_unit parse_unit(std::string_view text) {
  if (text == "process") return process;
  if (text == "thread") return thread;
  if (text == "coroutine") return coroutine;
  throw std::invalid_argument("trine: unknown unit \"" + std::string(text) +
                              "\"; it is process, thread or coroutine");
}

}  // namespace trine
