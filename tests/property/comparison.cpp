#include "tests/property/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "gateway/machine.h"
#include "tests/property/oracle.h"

namespace lookout::test {
namespace {

constexpr std::array<const char*, 4> kClosedBy{"watermark", "idle", "late", "end_of_input"};

// What was published of an id.
struct Known {
  Oracle::GroupKey group;
  std::string window;
  MetricResult last;
  std::uint64_t next_revision = 0, first_count = 0;
  bool retracted = false;
  Microseconds published_at{};
};

// The machine and the oracle beside each other.
class Comparison {
 public:
  explicit Comparison(const Case& tried)
      : case_(tried), machine_(*Machine::create(tried.config, "box")), oracle_(tried.config) {}

  std::string run() {
    for (std::size_t i = 0; i < case_.steps.size() && going(); ++i) step(i);
    if (going()) finish();
    return wrong_;
  }

 private:
  bool going() const { return wrong_.empty() && !oracle_.lost_track(); }
  void complain(const std::string& what) {
    if (going()) wrong_ = what;
  }
  void step(std::size_t index);
  void finish();
  void look_at_order(const ClosedWindow& window);
  void look_at_time(const ClosedWindow& window, const Oracle::Progress& before);
  void look_at_result(const ClosedWindow& window, const MetricResult& result);
  void look_at_watermark(const ClosedWindow& window);
  void compare_publications(std::vector<Oracle::Publication> expected);
  void compare_sessions_due();
  void compare_books();
  void compare_results();

  static Oracle::GroupKey key_of(const ClosedWindow& window) {
    return {window.group.network, window.group.text()};
  }
  bool is_session(const std::string& window) const {
    return std::ranges::find(case_.config.windows, window, &WindowConfig::name)->kind == WindowKind::session;
  }
  std::vector<ClosedWindow> windows() const {
    std::vector<ClosedWindow> found;
    for (const Output& output : outputs_) {
      if (const auto* window = std::get_if<ClosedWindow>(&output)) found.push_back(*window);
    }
    return found;
  }

  const Case& case_;
  Machine machine_;
  Oracle oracle_;
  std::string wrong_;
  bool at_end_ = false;
  std::uint64_t set_back_before_ = 0;  // watermarks, by the record in hand
  std::vector<Output> outputs_;
  std::optional<ClosedWindow> retracted_;  // by the output before
  std::map<std::string, Known> known_;     // by id
  // By group and window.
  std::map<std::pair<Oracle::GroupKey, std::string>, std::pair<Timestamp, std::uint64_t>> watermarks_;
  std::map<std::pair<Oracle::GroupKey, std::string>, std::optional<Timestamp>> silent_until_;
};

void Comparison::step(std::size_t index) {
  const Rendered rendered(case_.steps[index], index);
  set_back_before_ = machine_.books().watermarks_set_back;
  machine_.step(rendered.record, outputs_);
  const auto came_out = windows();
  std::vector<Oracle::Progress> before;
  for (const ClosedWindow& window : came_out)
    before.push_back(oracle_.progress(key_of(window), window.window));
  const auto expected = oracle_.step(case_.steps[index]);
  for (std::size_t i = 0; i < came_out.size(); ++i) {
    look_at_order(came_out[i]);
    look_at_time(came_out[i], before[i]);
    for (const MetricResult& result : came_out[i].metrics) look_at_result(came_out[i], result);
    look_at_watermark(came_out[i]);
  }
  if (retracted_) complain(retracted_->id("*") + " was retracted and nothing took its place");
  compare_publications(expected);
  if (case_.steps[index].kind != journal::Kind::message) compare_sessions_due();
  compare_books();
  if (!wrong_.empty()) wrong_ = fmt::format("record {}: {}", index, wrong_);
}

void Comparison::finish() {
  at_end_ = true;
  machine_.finish(outputs_);
  for (const ClosedWindow& window : windows()) {
    look_at_order(window);
    look_at_time(window, oracle_.progress(key_of(window), window.window));
    for (const MetricResult& result : window.metrics) look_at_result(window, result);
  }
  compare_publications(oracle_.finish());
  compare_results();
  if (!wrong_.empty()) wrong_ = "end of input: " + wrong_;
}

// Right after a retraction comes the session that takes its place, or another that it has absorbed.
void Comparison::look_at_order(const ClosedWindow& window) {
  const std::string id = window.id("*");
  if (window.retracted && !is_session(window.window)) complain(id + " is retracted and is no session");
  if (retracted_) {
    const bool same_group = key_of(window) == key_of(*retracted_) && window.window == retracted_->window;
    const bool covers = window.start < retracted_->start && window.end > retracted_->start;
    if (!same_group || (!window.retracted && !covers)) complain(id + " follows a retraction");
  }
  retracted_.reset();
  if (window.retracted) retracted_ = window;
}

// Whether the window could come out now, and for that reason.
void Comparison::look_at_time(const ClosedWindow& window, const Oracle::Progress& before) {
  const Oracle::Progress after = oracle_.progress(key_of(window), window.window);
  if (window.retracted || after.was_set_back) return;
  const std::string id = window.id("*");
  const bool silent = oracle_.connected() >= before.silent_until(window.end, case_.config.time.idle);
  const ClosedBy by = window.closed_by;
  if (by == ClosedBy::end_of_input && !at_end_) complain(id + " says end_of_input before it");
  if (by == ClosedBy::watermark && window.end > after.watermark) complain(id + " is before the watermark");
  // What reaches beyond the watermark, and beyond what silence has closed, is open and no correction.
  auto& silent_until = silent_until_[{key_of(window), window.window}];
  if (by == ClosedBy::late && window.end > after.watermark && window.end > silent_until)
    complain(id + " is corrected and was open");
  if (by == ClosedBy::idle) silent_until = std::max(silent_until, std::optional(window.end));
  if (by == ClosedBy::idle && !silent) complain(id + " came out before it was silent for long enough");
  if (by == ClosedBy::idle && window.end <= before.watermark) complain(id + " was the watermark's to close");
  if (window.watermark != after.watermark && window.watermark != before.watermark)
    complain(id + " tells another watermark");
}

void Comparison::look_at_result(const ClosedWindow& window, const MetricResult& result) {
  if (!result.changed) return;
  const std::string id = window.id(result.metric);
  Known& known = known_[id];
  const Oracle::Progress now = oracle_.progress(key_of(window), window.window);
  if (known.retracted && !now.was_set_back) complain(id + " comes after its retraction");
  if (result.revision != known.next_revision)
    complain(fmt::format("{} has revision {} instead of {}", id, result.revision, known.next_revision));
  if (window.retracted && result.revision == 0) complain(id + " is retracted and never came out");
  if (result.revision == 0) known.first_count = result.count;
  if (!is_session(window.window) && result.late != result.count - known.first_count)
    complain(
        fmt::format("{} tells {} late of {}, at first {}", id, result.late, result.count, known.first_count));
  const bool is_final = window.end + now.allowed_lateness <= now.watermark || at_end_;
  const bool soon = oracle_.connected() < known.published_at + case_.config.time.correction_interval;
  if (window.closed_by == ClosedBy::late && !window.retracted && result.revision > 0 && soon && !is_final &&
      !(now.joined_at >= known.published_at))
    complain(id + " is corrected again too soon");
  known = {key_of(window),   window.window,      result, result.revision + 1, known.first_count,
           window.retracted, oracle_.connected()};
}

void Comparison::look_at_watermark(const ClosedWindow& window) {
  const auto [known, is_new] = watermarks_.try_emplace({key_of(window), window.window});
  auto& [watermark, set_back] = known->second;
  if (!is_new && window.watermark < watermark && machine_.books().watermarks_set_back == set_back)
    complain("a watermark went back in " + window.id("*"));
  watermark = window.watermark;
  set_back = set_back_before_;
}

// Tumbling and sliding windows come out exactly when the oracle says so. What a group does after its
// watermark was set back it does not say.
void Comparison::compare_publications(std::vector<Oracle::Publication> expected) {
  std::vector<Oracle::Publication> actual;
  for (const ClosedWindow& window : windows()) {
    if (is_session(window.window)) continue;
    for (const MetricResult& result : window.metrics) {
      if (result.changed)
        actual.push_back(
            {key_of(window), window.id(result.metric), result.revision, window.closed_by, result.count});
    }
  }
  const auto is_unsure = [&](const Oracle::Publication& each) {
    return oracle_.progress(each.group, {}).was_set_back;
  };
  const auto text = [](const std::vector<Oracle::Publication>& all) {
    std::string lines;
    for (const auto& each : all) {
      lines += fmt::format("\n  {} revision {} closed_by {} count {}", each.id, each.revision,
                           kClosedBy[static_cast<std::size_t>(each.closed_by)], each.count);
    }
    return lines;
  };
  std::erase_if(expected, is_unsure);
  std::erase_if(actual, is_unsure);
  std::ranges::sort(expected);
  std::ranges::sort(actual);
  if (expected != actual) complain("published:" + text(actual) + "\nto be published:" + text(expected));
}

void Comparison::compare_sessions_due() {
  for (const auto& [id, count] : oracle_.sessions_due()) {
    const auto known = known_.find(id);
    if (known == known_.end() || known->second.retracted || known->second.last.count != count)
      complain(fmt::format("{} should be out by now, with {} readings", id, count));
  }
}

void Comparison::compare_books() {
  const Books& books = machine_.books();
  if (books.received != books.accepted + books.duplicate + books.late + books.all_rejected())
    complain("the books do not balance");
  const Oracle::Account actual{.received = books.received,
                               .accepted = books.accepted,
                               .duplicate = books.duplicate,
                               .late = books.late,
                               .refused = books.refused,
                               .not_json = books.rejected[static_cast<std::size_t>(Reason::not_json)],
                               .future = books.rejected[static_cast<std::size_t>(Reason::future)],
                               .past = books.rejected[static_cast<std::size_t>(Reason::past)],
                               .set_back = books.watermarks_set_back};
  const auto line = [](const Oracle::Account& account) {
    return fmt::format(
        "received {} accepted {} duplicate {} late {} refused {} not_json {} future {} past {} set back {}",
        account.received, account.accepted, account.duplicate, account.late, account.refused,
        account.not_json, account.future, account.past, account.set_back);
  };
  if (actual != oracle_.account())
    complain("the books say: " + line(actual) + "\nand should say: " + line(oracle_.account()));
}

void Comparison::compare_results() {
  const auto expected = oracle_.results();
  for (const auto& [id, figures] : expected) {
    const auto known = known_.find(id);
    if (known == known_.end()) {
      complain(id + " never came out");
    } else if (known->second.retracted) {
      complain(id + " was retracted");
    } else if (const std::string wrong = difference(known->second.last, figures); !wrong.empty()) {
      complain(id + " has" + wrong);
    }
  }
  for (const auto& [id, known] : known_) {
    // A session may have been forgotten together with the duty to retract what has become part of it.
    const bool may_stay = is_session(known.window) && oracle_.progress(known.group, {}).was_set_back;
    if (!known.retracted && !expected.contains(id) && !may_stay) complain(id + " should not be there");
  }
}

}  // namespace

std::string compare_with_oracle(const Case& tried) { return Comparison(tried).run(); }

}  // namespace lookout::test
