#include "bridge/days/day_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>

#include "common/file.h"

namespace lookout {
namespace {

using nlohmann::json;

std::int64_t number_of(std::chrono::sys_days day) { return day.time_since_epoch().count(); }
std::chrono::sys_days day_of(std::int64_t number) { return std::chrono::sys_days{std::chrono::days{number}}; }

Result<void> sync(const std::filesystem::path& path) {
  const auto file = open_file(path, O_RDONLY);
  if (!file) return Failure(file.error());
  if (::fsync(file->get()) != 0) return Failure(describe_errno("cannot sync", path));
  return {};
}

}  // namespace

DayState::DayState(const std::filesystem::path& folder, std::uint64_t epoch)
    : folder_(folder), epoch_(epoch) {
  try {
    load();
  } catch (const json::exception& error) {
    spdlog::warn("'{}' is not what it was: days are summarized anew: {}", state_file().string(),
                 error.what());
    summarized_.clear();
    pending_.reset();
  }
}

// Written as [day, offset] with days counted from 1970.
void DayState::load() {
  const auto text = read_file(state_file());
  if (!text) return;
  const json state = json::parse(*text);
  if (state.at("epoch").get<std::uint64_t>() != epoch_) return;
  for (const json& entry : state.at("summarized"))
    summarized_[day_of(entry.at(0).get<std::int64_t>())] = entry.at(1).get<std::uint64_t>();
  if (const json& pending = state.at("pending"); !pending.is_null()) {
    pending_ = Pending{day_of(pending.at("day").get<std::int64_t>()), pending.at("end").get<std::uint64_t>(),
                       pending.at("incomplete").get<bool>()};
  }
}

Result<void> DayState::save() {
  json state{{"epoch", epoch_}, {"summarized", json::array()}, {"pending", nullptr}};
  for (const auto& [day, end] : summarized_) state["summarized"].push_back({number_of(day), end});
  if (pending_) {
    state["pending"] = {
        {"day", number_of(pending_->day)}, {"end", pending_->end}, {"incomplete", pending_->incomplete}};
  }
  return replace_file(state_file(), state.dump(), true);
}

std::uint64_t DayState::summarized(std::chrono::sys_days day) const {
  const auto found = summarized_.find(day);
  return found == summarized_.end() ? 0 : found->second;
}

Result<void> DayState::set_summarized(std::chrono::sys_days day, std::uint64_t end,
                                      std::chrono::sys_days oldest) {
  summarized_[day] = end;
  summarized_.erase(summarized_.begin(), summarized_.lower_bound(oldest));
  pending_.reset();
  auto saved = save();
  std::error_code error;
  if (saved) std::filesystem::remove(summaries_file(), error);
  return saved;
}

Result<void> DayState::begin() {
  writing_ = std::ofstream(summaries_file(), std::ios::binary | std::ios::trunc);
  return writing_ ? Result<void>{} : Failure(describe_errno("cannot open", summaries_file()));
}

// Neither a topic nor JSON holds a tabulator or the end of a line as it stands.
Result<void> DayState::add(const Outgoing& summary) {
  writing_ << summary.topic << '\t' << summary.payload << '\n';
  return writing_ ? Result<void>{} : Failure(describe_errno("cannot write", summaries_file()));
}

Result<void> DayState::commit(const Pending& pending) {
  writing_.close();
  if (!writing_) return Failure(describe_errno("cannot write", summaries_file()));
  if (auto synced = sync(summaries_file()); !synced) return synced;
  pending_ = pending;
  auto saved = save();
  if (!saved) pending_.reset();
  return saved;
}

Result<void> DayState::for_each_pending(const std::function<bool(Outgoing summary)>& take) const {
  std::ifstream lines(summaries_file(), std::ios::binary);
  if (!lines) return Failure(describe_errno("cannot read", summaries_file()));
  for (std::string line; std::getline(lines, line);) {
    const auto tab = line.find('\t');
    if (tab == std::string::npos || !line.ends_with('}'))
      return Failure(fmt::format("'{}' is damaged", summaries_file().string()));
    if (!take({line.substr(0, tab), line.substr(tab + 1), false})) break;
  }
  return {};
}

}  // namespace lookout
