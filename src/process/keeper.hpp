// The keeper: the one thread of this process that looks after the zygote and the workers. It starts
// them, hears of their deaths, buries them, forwards their stderr, keeps their time limits, and
// takes the replies that no thread waits for.
//
// It lives from the first process unit to the end of the program; the zygote dies with it.
#pragma once

#include <pthread.h>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "os/fd.hpp"
#include "process/error_forward.hpp"
#include "process/pool.hpp"
#include "process/zygote_link.hpp"

namespace trine::process_layer {

class keeper {
 public:
  // Starts the thread. Throws std::system_error.
  keeper(pool& p, std::vector<std::string> environment);

  // Ends all workers and the zygote, and joins the thread. At the end of the program, once.
  void stop() noexcept;
  // In the child of a fork by the user.
  void forget() noexcept;

  // Deaths of the zygote so far; its pid, 0 when there is none. For tests.
  std::uint64_t zygote_deaths() const noexcept { return zygote_deaths_.load(); }
  pid_t zygote_pid() const noexcept { return zygote_pid_.load(); }

 private:
  void run() noexcept;
  void wait_for_events(std::int64_t until) noexcept;
  std::int64_t next_timer() noexcept;
  void check_timers() noexcept;
  void end() noexcept;

  void hear_zygote() noexcept;
  void handle(const zygote_message& m, os::received& with) noexcept;
  void lose_zygote(bool too_late) noexcept;
  void start_workers() noexcept;
  bool start_worker(bool fresh) noexcept;
  void cannot_start(worker_link* w, bool fresh, int error) noexcept;
  void remove(worker_link& w) noexcept;

  worker_link* find(std::uint64_t serial) noexcept;
  void take_replies() noexcept;
  void take_all(worker_link& w, worker_link::taker who) noexcept;
  void note_death(worker_link& w) noexcept;
  void bury(worker_link& w) noexcept;
  void read_errors(worker_link& w) noexcept;

  // What an epoll event is about: a worker's serial and which of its descriptors.
  enum topic : std::uint64_t {
    about_event = 0,
    about_zygote = 1,
    about_death = 2,
    about_errors = 3
  };
  void watch(int fd, topic what, std::uint64_t serial, bool on = true) noexcept;
  void delay_starts() noexcept;

  pool& pool_;
  const std::vector<std::string> environment_;
  os::unique_fd epoll_;
  zygote_link zygote_;
  error_forward forward_;
  std::vector<worker_link*> workers_;
  std::uint64_t last_serial_ = 0;
  std::size_t unanswered_forks_ = 0;  // requests the zygote has not answered; few, so none blocks
  bool reading_errors_ = true;
  // Workers that die before they begin, or a zygote that dies: starts wait, longer each time.
  std::int64_t start_again_at_ = 0;
  bool starts_wait_ = false;     // for that time
  unsigned zygotes_killed_ = 0;  // in a row, by a stranger, before they could serve
  std::int64_t delay_ns_ = 0;

  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> zygote_deaths_{0};
  std::atomic<pid_t> zygote_pid_{0};
  pthread_t thread_;
};

}  // namespace trine::process_layer
