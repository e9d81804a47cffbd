// The places in the source that use an atomic, each with its memory order: so that one of them can
// be made weaker, to see whether the model finds out.
#pragma once

#include <atomic>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace explore {

using order = std::memory_order;
using where = std::source_location;
enum class kind : unsigned char { load, store, update, swap };

struct site {
  where at;
  kind how;
  order from;
  bool torn = false;  // a compare-and-swap made of a load and a store
  order to = order::relaxed;

  bool is(const where& other) const noexcept {
    return at.line() == other.line() && at.column() == other.column() &&
           std::string_view(at.file_name()) == other.file_name();
  }
};

struct site_table {
  bool recording = false;
  std::vector<site> seen;
  const site* changed = nullptr;
};
inline site_table sites;

inline order at_site(const where& at, kind how, order o) noexcept {
  if (sites.changed != nullptr && !sites.changed->torn && sites.changed->is(at))
    return sites.changed->to;
  if (sites.recording) {
    for (const site& s : sites.seen)
      if (s.is(at)) return o;
    sites.seen.push_back({at, how, o});
  }
  return o;
}
inline bool site_is_torn(const where& at) noexcept {
  return sites.changed != nullptr && sites.changed->torn && sites.changed->is(at);
}

// What each site could be changed to: the next weaker orders, and a swap that is none.
inline std::vector<site> weaker(const std::vector<site>& from) {
  std::vector<site> out;
  for (site s : from) {
    const auto add = [&](order to) {
      s.to = to;
      out.push_back(s);
    };
    if (s.from == order::seq_cst)
      add(s.how == kind::load    ? order::acquire
          : s.how == kind::store ? order::release
                                 : order::acq_rel);
    if (s.from == order::acq_rel) {
      add(order::acquire);
      add(order::release);
    }
    if (s.from == order::acquire || s.from == order::release) add(order::relaxed);
    if (s.how == kind::swap) {
      s.torn = true;
      out.push_back(s);
    }
  }
  return out;
}

inline std::string to_string(const site& s) {
  static const char* const orders[] = {"relaxed", "consume", "acquire",
                                       "release", "acq_rel", "seq_cst"};
  std::string_view file = s.at.file_name();
  file.remove_prefix(file.rfind('/') + 1);
  std::string out(file);
  out += ":" + std::to_string(s.at.line()) + " " + orders[static_cast<int>(s.from)] + " -> ";
  return out + (s.torn ? "load and store" : orders[static_cast<int>(s.to)]);
}

}  // namespace explore
