#include "gateway/group.h"

#include <algorithm>
#include <tuple>

#include "common/names.h"

namespace lookout {

std::string GroupName::text() const {
  switch (by) {
    case GroupBy::sensor:
      return region + '/' + sensor;
    case GroupBy::region:
      return region;
    case GroupBy::network:
      return std::string(kAllGroup);
  }
  std::unreachable();
}

const Membership& Groups::membership_of(SeriesId series) {
  // Series are interned in order, so this is nearly always one that is known or the next.
  while (memberships_.size() <= series) {
    const Series& names = series_[static_cast<SeriesId>(memberships_.size())];
    const std::size_t known = groups_.size();
    const GroupId sensor = find(GroupBy::sensor, names);
    const GroupId region = find(GroupBy::region, names);
    const GroupId network = find(GroupBy::network, names);
    if (sensor >= known) join(sensor, region, network);
    Membership membership{};
    membership.groups = {sensor, region, network};
    membership.member = {0, groups_[sensor].member_in_region, groups_[sensor].member_in_network};
    membership.metric = find_metric(names.metric);
    memberships_.push_back(membership);
  }
  return memberships_[series];
}

GroupId Groups::find(GroupBy by, const Series& names) {
  const Identity key = hash_series(names.network, by == GroupBy::network ? "" : names.region,
                                   by == GroupBy::sensor ? names.sensor : "", "");
  const auto [known, is_new] = ids_.emplace(key, static_cast<GroupId>(groups_.size()));
  if (is_new) {
    groups_.push_back({&names, &names.sensor, by});
    if (by != GroupBy::sensor) {
      groups_.back().members = static_cast<std::uint32_t>(members_.size());
      members_.emplace_back();
    }
  }
  return known->second;
}

void Groups::join(GroupId sensor, GroupId region, GroupId network) {
  const auto add_to = [&](GroupId group) {
    auto& members = members_[groups_[group].members];
    members.push_back(groups_[sensor].own);
    return static_cast<GroupId>(members.size() - 1);
  };
  groups_[sensor].member_in_region = add_to(region);
  groups_[sensor].member_in_network = add_to(network);
}

MetricId Groups::find_metric(const std::string& name) {
  const auto [known, is_new] = metric_ids_.emplace(name, static_cast<MetricId>(metrics_.size()));
  if (is_new) metrics_.push_back(name);
  return known->second;
}

std::vector<GroupId> Groups::sorted() const {
  std::vector<std::pair<GroupName, GroupId>> named;
  named.reserve(groups_.size());
  for (GroupId id = 0; id < groups_.size(); ++id) named.emplace_back(name(id), id);
  std::ranges::sort(named, {}, [](const auto& group) {
    const auto& [by, network, region, sensor] = group.first;
    return std::tie(by, network, region, sensor);
  });
  std::vector<GroupId> ids;
  ids.reserve(named.size());
  for (const auto& [name, id] : named) ids.push_back(id);
  return ids;
}

GroupName Groups::name(GroupId group) const {
  const auto& [names, own, by, in_region, in_network, members] = groups_[group];
  return {by, names->network, by == GroupBy::network ? std::string{} : names->region,
          by == GroupBy::sensor ? names->sensor : std::string{}};
}

Members Groups::members(GroupId group) const {
  const Group& found = groups_[group];
  if (found.by == GroupBy::sensor) return {&found.own, 1};
  return members_[found.members];
}

}  // namespace lookout
