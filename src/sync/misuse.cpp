#include "sync/misuse.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

#include <trine/unit.hpp>

#include "wait/completion.hpp"
#include "wait/owner.hpp"

namespace trine {

#ifdef TRINE_CHECKS
const bool detail::sync_checks = true;
#else
const bool detail::sync_checks = false;
#endif

namespace sync {
namespace {

// "unit 7 (coroutine 'reader')"
std::string describe(const observe::slot* slot) {
  if (slot == nullptr) return "a thread that Trine does not know";
  constexpr auto relaxed = std::memory_order_relaxed;
  std::string text =
      "unit " + std::to_string(slot->id.load(relaxed)) + " (" + to_string(slot->kind.load(relaxed));
  char name[sizeof(slot->name) + 1] = {};
  for (unsigned i = 0; i < 4; ++i) {
    const std::uint64_t word = slot->name[i].load(relaxed);
    std::memcpy(name + 8 * i, &word, 8);
  }
  if (name[0] != 0) text += std::string(" '") + name + "'";
  if (const char* file = slot->file.load(relaxed); file != nullptr)
    text += ", spawned at " + std::string(file) + ":" + std::to_string(slot->line.load(relaxed));
  return text + ")";
}

}  // namespace

void misused(const char* what) noexcept {
  std::fprintf(stderr, "trine: %s %s.\n", describe(wait::self_slot()).c_str(), what);
  std::fflush(stderr);
  std::abort();
}

void check_owner(const detail::owner_word& owner, const char* what) noexcept {
  const std::uint32_t mark = owner.get();
  if (mark == 0 || mark == detail::this_unit_mark() || !wait::mark_is_certain()) return;
  const observe::slot* const holder = wait::owner_slot(mark);
  if (holder == nullptr) return;
  const std::string sentence = std::string("unlocked a ") + what + " that it does not hold; " +
                               describe(holder) + " does, and only that unit may unlock it";
  misused(sentence.c_str());
}

void ended_while_waited_for(const char* what, const wait::waiter*) noexcept {
  if (wait::coroutines_ended.load(std::memory_order_relaxed)) return;
  const std::string sentence =
      std::string("destroyed a ") + what + " for which others wait; join those that use it first";
  misused(sentence.c_str());
}

void refuse_relock(const detail::owner_word& owner, const char* what) {
  const std::uint32_t mark = owner.get();
  if (mark == 0 || mark != detail::this_unit_mark() || !wait::mark_is_certain()) return;
  throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                          "trine: " + describe(wait::self_slot()) + " " + what);
}

}  // namespace sync
}  // namespace trine
