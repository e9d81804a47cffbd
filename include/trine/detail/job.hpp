// Cores with a typed body and result. No promises to users.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <trine/detail/core.hpp>
#include <trine/detail/process_core.hpp>
#include <trine/serialize.hpp>

namespace trine {
template <class T>
class task;
}

namespace trine::detail {

// A unit whose function returns a task runs the task to its end; the result is the task's.
template <class R>
struct unit_result {
  using type = R;
};
template <class T>
struct unit_result<task<T>> {
  using type = T;
};
template <class F, class... A>
decltype(auto) run_call(F&& f, A&&... a) {
  using R = std::invoke_result_t<F, A...>;
  if constexpr (std::is_same_v<R, typename unit_result<R>::type>) {
    return std::invoke(std::forward<F>(f), std::forward<A>(a)...);
  } else if constexpr (requires { std::forward<F>(f)(std::forward<A>(a)...); }) {
    // In one expression: what an argument was converted to for a reference lives until the end.
    return std::forward<F>(f)(std::forward<A>(a)...).get();
  } else {
    return std::invoke(std::forward<F>(f), std::forward<A>(a)...).get();
  }
}

// What a unit leaves for its handle. A reference is kept as a pointer, void as nothing.
template <class R>
struct result {
  std::optional<R> value;
  template <class... V>
  void set(V&&... v) {
    value.emplace(std::forward<V>(v)...);
  }
  R take() { return std::move(*value); }
};
template <class R>
struct result<R&> {
  R* value = nullptr;
  void set(R& v) { value = &v; }
  R& take() { return *value; }
};
template <>
struct result<void> {
  void take() {}
};

// Destroys a job and returns its memory.
template <class Job>
void destroy_job(core* c) noexcept {
  auto* const job = static_cast<Job*>(c);
  job->~Job();
  if constexpr (alignof(Job) > core_alignment) {
    ::operator delete (job, std::align_val_t{alignof(Job)});
  } else {
    free_core(job, sizeof(Job));
  }
}

template <class Job, class... A>
Job* make_job(A&&... a) {
  if constexpr (alignof(Job) > core_alignment) {
    return new Job(std::forward<A>(a)...);
  } else {
    void* const memory = allocate_core(sizeof(Job));
    try {
      return new (memory) Job(std::forward<A>(a)...);
    } catch (...) {
      free_core(memory, sizeof(Job));
      throw;
    }
  }
}

// Runs in this process, as a thread or a coroutine.
template <class R, class F, class... A>
struct local_job final : core {
  template <class G, class... B>
  explicit local_job(G&& g, B&&... b)
      : core(&ops_of), call(std::in_place, std::forward<G>(g), std::forward<B>(b)...) {}

  std::optional<std::tuple<F, A...>> call;
  result<R> out;

  static void run(core* c) noexcept {
    auto* const job = static_cast<local_job*>(c);
    try {
      auto invoke = [](F& f, A&... a) -> R { return run_call(std::move(f), std::move(a)...); };
      if constexpr (std::is_void_v<R>) {
        std::apply(invoke, *job->call);
      } else {
        job->out.set(std::apply(invoke, *job->call));
      }
    } catch (...) {
      job->error = std::current_exception();
    }
    // What the call captured ends on the unit, before anyone sees that the unit has ended.
    // A reference may be to one of its parts; then it lives as long as the result.
    if constexpr (!std::is_reference_v<R>) job->call.reset();
  }
  static constexpr core_ops ops_of{&run, &destroy_job<local_job>};
};

// ---- processes ----------------------------------------------------------------------------------

// The types that travel for a call: a function's own parameters, so that "text" given for a
// std::string travels as a std::string; for other callables the decayed arguments.
template <class F, class... A>
struct wire_types {
  using type = std::tuple<std::decay_t<A>...>;
};
template <class R, class... P, class... A>
requires(sizeof...(P) == sizeof...(A)) struct wire_types<R (*)(P...), A...> {
  using type = std::tuple<std::decay_t<P>...>;
};
template <class R, class... P, class... A>
requires(sizeof...(P) == sizeof...(A)) struct wire_types<R (*)(P...) noexcept, A...> {
  using type = std::tuple<std::decay_t<P>...>;
};

template <class F>
inline constexpr bool is_function_pointer =
    std::is_pointer_v<F>&& std::is_function_v<std::remove_pointer_t<F>>;

template <class F>
constexpr void require_process_function() {
  static_assert(!std::is_member_pointer_v<F>,
                "trine: a member function cannot run as a process; write a function or a lambda "
                "without captures that takes the object by value");
  static_assert(is_function_pointer<F> || std::is_empty_v<F>,
                "trine: a lambda with captures cannot run as a process; pass its state as "
                "arguments");
  static_assert(is_function_pointer<F> || std::is_default_constructible_v<F>,
                "trine: only a function or a lambda without captures can run as a process");
}

template <class R, class F, class Wire>
struct process_job;

template <class R, class F, class... W>
struct process_job<R, F, std::tuple<W...>> final : process_core {
  template <class... A>
  explicit process_job([[maybe_unused]] F f, A&&... a) : process_core(&ops_of) {
    (require_process_copyable<W>(), ...);
    static_assert(std::is_invocable_v<F, W...>,
                  "trine: a function that changes its argument through a reference cannot run as a "
                  "process, whose arguments are copies; let it return what it changes, or pass a "
                  "trine::shared_array");
    if constexpr (!std::is_void_v<R>) require_process_result<R>();
    process_core::entry = &run_here;
    if constexpr (is_function_pointer<F>) function = reinterpret_cast<const void*>(f);
    if constexpr (!std::is_void_v<R>) decode_result = &decode;
    arguments.attach_to(&attached);
    (write<W>(arguments, std::forward<A>(a)), ...);
  }

  result<R> out;

 private:
  template <class T, class A>
  static void write(byte_writer& writer, A&& a) {
    if constexpr (std::is_same_v<T, std::remove_cvref_t<A>>) {
      serialize_to(writer, a);
    } else {
      serialize_to(writer, T(std::forward<A>(a)));
    }
  }

  // In the worker.
  static void run_here(byte_reader& in, byte_writer& to, [[maybe_unused]] const void* address) {
    // Braces: the arguments are read in order.
    std::tuple<W...> values{deserialize<W>(in)...};
    auto invoke = [&](W&... w) -> R {
      if constexpr (is_function_pointer<F>) {
        return run_call(reinterpret_cast<F>(const_cast<void*>(address)), std::move(w)...);
      } else {
        return run_call(F{}, std::move(w)...);
      }
    };
    if constexpr (std::is_void_v<R>) {
      std::apply(invoke, values);
    } else {
      serialize_to(to, std::apply(invoke, values));
    }
  }
  static void decode(process_core* c, byte_reader& in) {
    if constexpr (!std::is_void_v<R>) static_cast<process_job*>(c)->out.set(deserialize<R>(in));
  }
  static void run(core*) noexcept {}  // the body runs in the worker
  static constexpr core_ops ops_of{&run, &destroy_job<process_job>};
};

}  // namespace trine::detail
