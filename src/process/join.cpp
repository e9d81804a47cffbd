#include "process/join.hpp"

#include "base/clock.hpp"
#include "os/futex.hpp"
#include "wait/completion.hpp"
#include "wait/stop.hpp"
#include "wait/waiter.hpp"

namespace trine::process_layer {
namespace {

// A reference to the worker that runs a unit, and the claim to its replies.
class direct_claim {
 public:
  direct_claim(pool& p, detail::process_core& c) noexcept : pool_(p), core_(c) {
    if (!os::has_futex_waitv()) return;
    worker_ = p.worker_of(c);
    if (worker_ != nullptr && !worker_->claim_direct(c, position_)) let_go();
  }
  ~direct_claim() {
    if (worker_ == nullptr) return;
    // What came between the last look and now was announced to nobody.
    if (worker_->unclaim_direct(core_)) take(worker_link::taker::keeper);
    let_go();
  }
  direct_claim(const direct_claim&) = delete;
  direct_claim& operator=(const direct_claim&) = delete;

  explicit operator bool() const noexcept { return worker_ != nullptr; }
  // Spins for the reply as long as that pays.
  bool spin() noexcept {
    const auto ready = [this] {
      return worker_->reply_word().load(std::memory_order_acquire) != position_;
    };
    const std::uint32_t its = worker_->processor();
    if (its == processor_now()) return ready();
    if (its == processor_moving) return spin_budget::spin_while_it_moves(ready);
    return worker_->joiner_spin.spin(ready);
  }
  bool announce_sleep() noexcept { return worker_->announce_sleep(position_); }
  wait::also word() const noexcept { return {&worker_->reply_word(), position_}; }
  void slept(std::int64_t ns) noexcept { worker_->joiner_spin.slept(ns); }

  // Ends the unit if its reply has come.
  void take(worker_link::taker who = worker_link::taker::direct) noexcept {
    reply r;
    if (detail::process_core* const c = worker_->take(r, who)) {
      pool_.finish(*worker_, *c, r);
    } else if (worker_->damaged()) {
      // The keeper sees it die and ends the unit.
      pool_.doom(*worker_);
      worker_->kill_now();
    }
  }

 private:
  void let_go() noexcept {
    worker_->drop();
    worker_ = nullptr;
  }

  pool& pool_;
  detail::process_core& core_;
  worker_link* worker_ = nullptr;
  std::uint32_t position_ = 0;
};

}  // namespace

bool join(pool& p, detail::process_core& c, std::int64_t deadline, bool interruptible) {
  for (;;) {
    if (detail::is_done(&c)) return true;
    direct_claim direct(p, c);
    const bool may_spin = deadline == base::never || base::now_ns() < deadline;
    if (direct && may_spin && direct.spin()) {
      direct.take();
      if (detail::is_done(&c)) return true;
    }
    wait::waiter w;
    if (!wait::add_joiner(c, w)) return true;
    wait::outcome o = wait::outcome::armed;
    wait::wait_for what{.why = observe::reason::join,
                        .object = &c,
                        .deadline = deadline,
                        .stoppable = interruptible};
    if (!direct) {
      o = w.wait(what);
    } else if (direct.announce_sleep()) {
      what.second = direct.word();
      const std::int64_t start = base::now_ns();
      o = w.wait(what);
      direct.slept(base::now_ns() - start);
    }
    const bool ended = wait::remove_joiner(c, w);
    if (o == wait::outcome::woken || ended) return true;
    if (o == wait::outcome::armed && direct) {
      direct.take();
      continue;
    }
    if (o == wait::outcome::stopped) wait::throw_stopped(wait::self().unit);
    return false;
  }
}

}  // namespace trine::process_layer
