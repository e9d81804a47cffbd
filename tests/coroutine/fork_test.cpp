// fork() by user code while units run: the child has no runtime. It is told so in words, its waits
// are a thread's, it can exit, and nothing in it hangs.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <mutex>

#include "contract/support.hpp"

#if defined(TRINE_ASAN)
// A child has none of the threads that refer to what they allocated: nothing to be said about
// leaks.
static bool is_child = false;
extern "C" int __lsan_is_turned_off() { return is_child ? 1 : 0; }
#endif

namespace {

using namespace support;

struct ended {
  int status = -1;  // of waitpid; -1: it hung
  std::string said;
  int code() const { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }
};

// What runs in the child ends it by _exit, or else.
template <class InChild>
ended in_child(InChild run) {
  int channel[2];
  if (pipe(channel) != 0) throw std::runtime_error("no pipe");
  std::fflush(nullptr);  // or the child writes it once more
  const pid_t child = fork();
  if (child == 0) {
#if defined(TRINE_ASAN)
    is_child = true;
#endif
    close(channel[0]);
    dup2(channel[1], 2);
    alarm(60);  // a hang ends so
    run();
    return {};
  }
  close(channel[1]);
  ended e;
  char buffer[1024];
  for (ssize_t n; (n = read(channel[0], buffer, sizeof(buffer))) > 0;)
    e.said.append(buffer, static_cast<std::size_t>(n));
  close(channel[0]);
  waitpid(child, &e.status, 0);
  return e;
}

class forked : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(TRINE_TSAN)
    GTEST_SKIP() << "ThreadSanitizer ends the child of a program with threads";
#endif
  }
};

// What a child may still do, and what is refused. Exit codes say what went wrong.
template <class Unit>
void must_refuse(const Unit& unit, int code) {
  try {
    trine::spawn(unit, [] {}).detach();
    _exit(code);
  } catch (const trine::usage_error& e) {
    if (std::strstr(e.what(), "fork()") == nullptr) _exit(code + 1);
  }
}
void check_child(trine::handle<void>& of_parent, trine::scope& scope_of_parent) {
  must_refuse(trine::coroutine, 10);
  must_refuse(trine::thread, 12);
  must_refuse(trine::process, 14);
  try {
    of_parent.wait();
    _exit(20);
  } catch (const trine::usage_error& e) {
    if (std::strstr(e.what(), "fork()") == nullptr) _exit(21);
  }
  try {
    scope_of_parent.spawn(trine::coroutine, [] {});
    _exit(22);
  } catch (const trine::usage_error&) {
  }
  try {
    scope_of_parent.join();
    _exit(23);
  } catch (const trine::usage_error&) {
  }
  of_parent.request_stop();
  scope_of_parent.request_stop();
  { const trine::handle<void> dies_here = std::move(of_parent); }
  scope_of_parent.~scope();
  try {
    trine::parallel_invoke([] {}, [] {});
  } catch (const trine::usage_error&) {
  }
  trine::mutex m;
  {
    const std::lock_guard guard(m);
    trine::this_unit::sleep_for(1ms);
    trine::this_unit::yield();
  }
  trine::this_unit::id();
  for (const auto& u : trine::units())
    if (u.kind != trine::unit_kind::thread) _exit(24);  // the parent's
}

// Parent's units in every state, which the children must not run.
class busy_parent {
 public:
  busy_parent() {
    for (int i = 0; i < 2; ++i) {
      background_.spawn(trine::coroutine({.worker = i}), [this] {
        while (!over_.load()) trine::this_unit::yield(), ran_.fetch_add(1);
      });
      background_.spawn(trine::thread, [this] {
        while (!over_.load()) trine::spawn(trine::coroutine, [] {}).get();
      });
    }
    parked_ = trine::spawn(trine::coroutine, [] { trine::this_unit::sleep_for(for_ever); });
    scope_->spawn(trine::coroutine, [] { trine::this_unit::sleep_for(for_ever); });
    spin_until([this] { return ran_.load() > 100; });
  }
  busy_parent(const busy_parent&) = delete;
  busy_parent& operator=(const busy_parent&) = delete;
  ~busy_parent() {
    over_.store(true);
    background_.join();
    scope_->request_stop();
    delete scope_;
  }
  trine::handle<void>& parked() { return parked_; }
  trine::scope& scope() { return *scope_; }
  long ran() const { return ran_.load(); }

 private:
  std::atomic<bool> over_{false};
  std::atomic<long> ran_{0};
  trine::scope background_;
  trine::handle<void> parked_;
  trine::scope* scope_ = new trine::scope;  // a child destroys its copy where it stands
};

constexpr int times = sanitized ? 5 : 50;

TEST_F(forked, from_a_plain_thread) {
  busy_parent parent;
  for (int i = 0; i < times; ++i) {
    const ended e = in_child([&] {
      check_child(parent.parked(), parent.scope());
      _exit(0);
    });
    ASSERT_EQ(e.code(), 0) << e.said;
  }
}

// Exit handlers and destructors of globals: those of the runtime must leave the parent alone.
TEST_F(forked, and_exits) {
  busy_parent parent;
  const auto process = trine::spawn(trine::process, [] { trine::this_unit::sleep_for(for_ever); });
  for (int i = 0; i < times; ++i) {
    const ended e = in_child([&] { std::exit(0); });
    ASSERT_EQ(e.code(), 0) << e.said;
  }
#if !defined(TRINE_EMULATED)  // there are no process units there
  EXPECT_FALSE(process.ready());
#endif
}

TEST_F(forked, from_a_coroutine) {
  busy_parent parent;
  for (int i = 0; i < times; ++i) {
    const ended e = trine::spawn(trine::coroutine({.worker = i % 2}), [&] {
                      return in_child([&] {
                        const long before = parent.ran();
                        check_child(parent.parked(), parent.scope());
                        for (int k = 0; k < 100; ++k) trine::this_unit::yield();
                        trine::this_unit::sleep_for(2ms);
                        // The others of this home are the parent's: they must not run here.
                        _exit(parent.ran() == before ? 0 : 30);
                      });
                    }).get();
    ASSERT_EQ(e.code(), 0) << e.said;
  }
}

TEST_F(forked, from_a_thread_unit) {
  busy_parent parent;
  for (int i = 0; i < times; ++i) {
    const ended e = trine::spawn(trine::thread, [&] {
                      return in_child([&] {
                        check_child(parent.parked(), parent.scope());
                        _exit(0);
                      });
                    }).get();
    ASSERT_EQ(e.code(), 0) << e.said;
  }
}

// A child that runs out of the unit's function has nowhere to go.
TEST_F(forked, and_returns_from_the_function) {
  for (const trine::unit_kind kind : local_kinds) {
    for (const bool roaming : {false, true}) {
      const auto body = [] { return in_child([] {}); };
      const ended e = kind == trine::unit_kind::thread
                          ? trine::spawn(trine::thread, body).get()
                          : trine::spawn(trine::coroutine({.roaming = roaming}), body).get();
      EXPECT_EQ(e.code(), EXIT_FAILURE);
      EXPECT_NE(e.said.find("its function returned in the child"), std::string::npos) << e.said;
    }
  }
}

TEST_F(forked, and_throws_out_of_the_function) {
  const ended e = trine::spawn(trine::coroutine, [] {
                    return in_child([] { throw std::runtime_error("in the child"); });
                  }).get();
  EXPECT_EQ(e.code(), EXIT_FAILURE) << e.said;
}

// Without a runtime nothing is lost by fork(): the child may have one of its own.
TEST_F(forked, and_executes_a_program) {
  busy_parent parent;
  const ended e = trine::spawn(trine::coroutine, [] {
                    return in_child([] { execl("/bin/true", "true", nullptr); });
                  }).get();
  EXPECT_EQ(e.code(), 0) << e.said;
}

}  // namespace
