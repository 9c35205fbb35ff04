#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/series.h"
#include "gateway/aggregate.h"
#include "gateway/output.h"

namespace lookout {

using GroupId = std::uint32_t;
using MetricId = std::uint32_t;

inline constexpr std::array<GroupBy, 3> kSmallestFirst{GroupBy::sensor, GroupBy::region, GroupBy::network};
constexpr std::size_t index_of(GroupBy by) { return static_cast<std::size_t>(by); }

/// Where a series belongs: its sensor's group, its region's and its network's, and its sensor's index among
/// the members of each. Arrays are indexed by GroupBy.
struct Membership {
  std::array<GroupId, 3> groups, member;
  MetricId metric;
};

/// The groups there are: every sensor, region and network that was heard of. Numbers are given in order of
/// first hearing and never change. Threading: one owner.
class Groups {
 public:
  explicit Groups(const SeriesTable& series) : series_(series) {}

  const Membership& membership_of(SeriesId series);

  [[nodiscard]] std::size_t size() const { return groups_.size(); }
  /// All of them, smaller ones first, then by name: an order that does not depend on who was heard first.
  [[nodiscard]] std::vector<GroupId> sorted() const;
  [[nodiscard]] GroupName name(GroupId group) const;
  [[nodiscard]] GroupBy by(GroupId group) const { return groups_[group].by; }
  /// Valid until the next membership_of().
  [[nodiscard]] Members members(GroupId group) const;
  [[nodiscard]] const std::string& metric(MetricId metric) const { return metrics_[metric]; }

 private:
  struct Group {
    const Series* example;   // a series in it, which has the names
    const std::string* own;  // a sensor's own name: its only member
    GroupBy by;
    GroupId member_in_region = 0, member_in_network = 0;  // of a sensor
    std::uint32_t members = 0;                            // index in members_, of a region or network
  };
  struct Hash {
    std::size_t operator()(const Identity& names) const { return names.low; }
  };
  GroupId find(GroupBy by, const Series& names);
  void join(GroupId sensor, GroupId region, GroupId network);
  MetricId find_metric(const std::string& name);

  const SeriesTable& series_;
  std::deque<Group> groups_;
  std::vector<std::vector<const std::string*>> members_;
  std::unordered_map<Identity, GroupId, Hash> ids_;
  std::unordered_map<std::string, MetricId> metric_ids_;
  std::vector<std::string> metrics_;
  std::deque<Membership> memberships_;
};

}  // namespace lookout
