#include "bridge/archive/archive_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace lookout {
namespace {

constexpr std::size_t kOffsetDigits = 20;
constexpr std::size_t kDayLength = 10;
constexpr std::string_view kOpenEnd = ".open.db", kSealedEnd = ".db";

template <typename T>
bool take_number(std::string_view digits, T& number) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc{} && end == digits.data() + digits.size();
}

std::optional<ArchiveDay> parse_day(std::string_view text) {
  int year = 0;
  unsigned month = 0, day = 0;
  if (text.size() != kDayLength || text[4] != '-' || text[7] != '-' ||
      !take_number(text.substr(0, 4), year) || !take_number(text.substr(5, 2), month) ||
      !take_number(text.substr(8), day))
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                                         std::chrono::day{day}};
  return date.ok() ? std::optional<ArchiveDay>(date) : std::nullopt;
}

Result<std::vector<ArchiveName>> look_at(const std::filesystem::path& folder) {
  std::vector<ArchiveName> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  if (error == std::errc::no_such_file_or_directory) return names;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (const auto name = parse_archive_name(entry->path().filename().string())) names.push_back(*name);
  }
  if (error) return Failure(fmt::format("cannot read folder '{}': {}", folder.string(), error.message()));
  // The closed one comes first of two, and stays.
  std::ranges::sort(names, [](const ArchiveName& a, const ArchiveName& b) {
    return a.first_offset != b.first_offset ? a.first_offset < b.first_offset : a.sealed > b.sealed;
  });
  const auto same = std::ranges::unique(names, {}, &ArchiveName::first_offset);
  names.erase(same.begin(), same.end());
  return names;
}

}  // namespace

std::filesystem::path archive_folder(const std::filesystem::path& state) {
  return state / "bridge" / "archive";
}

ArchiveDay day_of(Timestamp time) { return std::chrono::floor<std::chrono::days>(time); }

std::string to_text(const ArchiveName& name) {
  const std::chrono::year_month_day date{name.day};
  return fmt::format("{:020}-{:04}-{:02}-{:02}{}", name.first_offset, static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     name.sealed ? kSealedEnd : kOpenEnd);
}

std::optional<ArchiveName> parse_archive_name(std::string_view text) {
  ArchiveName name;
  if (text.size() <= kOffsetDigits || text[kOffsetDigits] != '-' ||
      !take_number(text.substr(0, kOffsetDigits), name.first_offset))
    return std::nullopt;
  text.remove_prefix(kOffsetDigits + 1);
  const auto day = parse_day(text.substr(0, kDayLength));
  if (!day) return std::nullopt;
  name.day = *day;
  text.remove_prefix(kDayLength);
  name.sealed = text == kSealedEnd;
  return name.sealed || text == kOpenEnd ? std::optional(name) : std::nullopt;
}

// A look that began before a file was closed and ended after may have missed both of its names.
Result<std::vector<ArchiveName>> list_archive(const std::filesystem::path& folder) {
  auto names = look_at(folder);
  while (names) {
    auto again = look_at(folder);
    if (!again || *again == *names) return again;
    names = std::move(again);
  }
  return names;
}

}  // namespace lookout
