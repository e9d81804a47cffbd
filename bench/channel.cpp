// Channels: elements from senders to receivers, and a select over eight.
#include <memory>
#include <string>
#include <trine/trine.hpp>
#include <vector>

#include "figures.hpp"

namespace bench {
namespace {

using trine::channel;

// Where the units of a run live.
enum class placed { one_worker, two_workers, anywhere, threads };

struct shape {
  int senders;
  int receivers;
  std::size_t capacity;
};

template <class F>
auto spawn_on(trine::scope& s, placed where, bool sends, F f) {
  switch (where) {
    case placed::one_worker:
      return s.spawn(trine::coroutine({.worker = 0}), f);
    case placed::two_workers:
      return s.spawn(trine::coroutine({.worker = sends ? 0 : 1}), f);
    case placed::anywhere:
      return s.spawn(trine::coroutine, f);
    case placed::threads:
      break;
  }
  return s.spawn(trine::thread, f);
}

double transfer(long n, const shape& form, placed where) {
  const auto run = [=] {
    channel<long> c(form.capacity);
    trine::scope senders;
    trine::scope receivers;
    std::vector<trine::unit_ref<long>> sums;
    const stopwatch clock;
    for (int s = 0; s < form.senders; ++s) {
      spawn_on(senders, where, true, [&c, n, s, form] {
        for (long i = s; i < n; i += form.senders) c.send(work(static_cast<int>(i)));
        return 0L;
      });
    }
    for (int r = 0; r < form.receivers; ++r) {
      sums.push_back(spawn_on(receivers, where, false, [&c] {
        long sum = 0;
        while (const auto v = c.receive()) sum += *v;
        return sum;
      }));
    }
    senders.join();
    c.close();
    receivers.join();
    const double each = clock.ns_each(n);
    long sum = 0;
    for (auto& one : sums) sum += one.get();
    require_sum(sum, n, "trine::channel");
    return each;
  };
  if (where == placed::threads) return run();
  return trine::spawn(trine::coroutine({.worker = 0}), run).get();
}

double select_over_eight(long n) {
  return trine::spawn(trine::coroutine({.worker = 0}),
                      [n] {
                        std::vector<std::unique_ptr<channel<long>>> c;
                        for (int i = 0; i < 8; ++i)
                          c.push_back(std::make_unique<channel<long>>(16));
                        trine::scope s;
                        s.spawn(trine::coroutine({.worker = 0}), [&] {
                          for (int i = 0; i < n; ++i)
                            c[static_cast<std::size_t>(i % 8)]->send(work(i));
                        });
                        long sum = 0;
                        const auto add = [&](std::optional<long> v) { sum += *v; };
                        const stopwatch clock;
                        for (long i = 0; i < n; ++i) {
                          trine::select(
                              trine::on_receive(*c[0], add), trine::on_receive(*c[1], add),
                              trine::on_receive(*c[2], add), trine::on_receive(*c[3], add),
                              trine::on_receive(*c[4], add), trine::on_receive(*c[5], add),
                              trine::on_receive(*c[6], add), trine::on_receive(*c[7], add));
                        }
                        const double each = clock.ns_each(n);
                        s.join();
                        require_sum(sum, n, "trine::select");
                        return each;
                      })
      .get();
}

series of_trine(const char* name, const shape& form, placed where) {
  return {.name = name,
          .prepare = [=] { return sampler([=](long n) { return transfer(n, form, where); }); }};
}

}  // namespace

std::vector<figure> channel_figures() {
  const char* const me = "trine::channel";
  const char* const coroutines = "trine::channel, coroutines";
  const shape one{1, 1, 64}, four{4, 4, 64}, meet{1, 1, 0}, load{1, 1, 1024};
  return {
      {.name = "channel.1-1",
       .about = "an element from one coroutine to another of the same worker, capacity 64",
       .all = {of_trine(me, one, placed::one_worker), go_channel(1, 1, 1, 64, me),
               fiber_channel(1, 1, 64, me)},
       .marks = {{.subject = me, .peer = "Go, 1 processor", .limit = 0.5}}},
      {.name = "channel.4-4",
       .about = "from four coroutines to four of the same worker, capacity 64",
       .all = {of_trine(me, four, placed::one_worker), go_channel(1, 4, 4, 64, me),
               fiber_channel(4, 4, 64, me)}},
      {.name = "channel.rendezvous",
       .about = "an element handed over without a buffer, between two coroutines of a worker",
       .all = {of_trine(me, meet, placed::one_worker), go_channel(1, 1, 1, 0, me),
               fiber_rendezvous(me)},
       .marks = {{.subject = me, .peer = "Go, 1 processor", .limit = 1.0 / 3}}},
      {.name = "channel.workload.1",
       .about = "the public suite's channel workload, one worker: each element, capacity 1024",
       .all = {of_trine(me, load, placed::one_worker), go_channel(1, 1, 1, 1024, me)},
       .marks = {{.subject = me, .peer = "Go, 1 processor", .limit = 0.5}}},
      {.name = "channel.workload.2",
       .about = "the same with two workers, units where the runtime puts them, or on one each",
       .all = {of_trine(coroutines, load, placed::anywhere),
               of_trine("trine::channel, a worker each", load, placed::two_workers),
               go_channel(2, 1, 1, 1024, coroutines)},
       .marks = {{.subject = coroutines, .peer = "Go, 2 processors", .limit = 0.5}}},
      {.name = "channel.4-4.workers",
       .about = "from four coroutines to four on two workers, capacity 1024",
       .all = {of_trine(coroutines, {4, 4, 1024}, placed::anywhere),
               go_channel(2, 4, 4, 1024, coroutines)}},
      {.name = "channel.threads",
       .about = "an element from one thread to another, capacity 1024",
       .all = {of_trine(me, load, placed::threads), tbb_queue(1, 1, 1024, me)}},
      {.name = "channel.threads.4-4",
       .about = "from four threads to four, capacity 1024",
       .all = {of_trine(me, {4, 4, 1024}, placed::threads), tbb_queue(4, 4, 1024, me)}},
      {.name = "channel.select",
       .about = "receiving by a select over eight channels, another coroutine sends",
       .all = {{.name = "trine::select",
                .prepare = [] { return sampler([](long n) { return select_over_eight(n); }); }},
               go_select("trine::select")}},
  };
}

}  // namespace bench
