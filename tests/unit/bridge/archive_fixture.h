#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "bridge/archive/archive.h"
#include "bridge/recorder.h"
#include "common/config.h"
#include "tests/support/temp_folder.h"

namespace lookout::test {

inline Timestamp at(const std::string& text) { return *parse_rfc3339(text); }

inline InputConfig input(const char* topic, CodecKind codec) {
  InputConfig config;
  config.topic = *TopicPattern::parse(topic);
  config.codec = codec;
  return config;
}

/// sensors/... with codec lookout, plain/... with codec number, flat/... with two metrics, lora/... with an
/// identity named by pointers.
inline Config bridge_config() {
  Config config;
  config.inputs.push_back(input("sensors/{network}/{region}/{sensor}/{metric}", CodecKind::lookout));
  config.inputs.push_back(input("plain/{network}/{region}/{sensor}/{metric}", CodecKind::number));
  config.inputs.push_back(input("flat/{network}/{region}/{sensor}", CodecKind::flat));
  config.inputs.back().metrics = {{"temperature", "t"}, {"smoke", "s"}};
  config.inputs.push_back(input("lora/{network}/{sensor}", CodecKind::json));
  config.inputs.back().values = {{"temperature", "/t"}};
  config.inputs.back().time = "/at";
  config.inputs.back().identity = {"/fcnt", "/frame"};
  config.journal.segment = std::uint64_t{1} << 20;
  return config;
}

/// A message to archive; arrives at 12:00 unless a test says otherwise.
struct Sent {
  std::string topic = "sensors/wild/north/s1/temperature";
  std::string payload{};
  std::string arrival = "2026-11-22T12:00:00Z";
  bool retain = false;
  [[nodiscard]] MessageView view() const {
    return {.arrival = at(arrival), .topic = topic, .payload = payload, .retain = retain};
  }
};

/// An archive in a folder of its own, with a recorder in front, that can be closed and opened again.
class ArchiveFixture {
 public:
  ArchiveFixture() { open(); }
  /// On a disk that somebody else keeps.
  explicit ArchiveFixture(const std::filesystem::path& disk) : root(disk) { open(); }

  void open() {
    close();
    auto opened = Archive::open(path(), config.archive, config.time.identity_window);
    if (!opened) throw std::runtime_error(opened.error().text);
    archive = std::move(*opened);
    recorder = std::make_unique<Recorder>(*archive, config);
  }
  void close() {
    recorder.reset();
    archive.reset();
  }
  /// Adds messages to the open batch.
  void add(std::initializer_list<Sent> messages) {
    for (const Sent& message : messages) {
      const auto recorded = recorder->record(next_++, message.view());
      if (!recorded) throw std::runtime_error(recorded.error().text);
    }
  }
  /// Begins a batch whose first message arrives then.
  void begin(const std::string& arrival = "2026-11-22T12:00:00Z") {
    next_ = std::max(next_, archive->next_offset());
    REQUIRE(archive->begin(next_, at(arrival)));
  }
  /// A batch of its own.
  void store(std::initializer_list<Sent> messages) {
    begin(messages.begin()->arrival);
    add(messages);
    commit();
  }
  void commit() {
    REQUIRE(archive->commit());
    recorder->settle();
  }
  /// Offsets that never come.
  void skip(std::uint64_t offsets) { next_ += offsets; }
  /// Maintenance until there is nothing more to do.
  void maintain(std::optional<Timestamp> now = std::nullopt) {
    for (auto more = archive->maintain(now);; more = archive->maintain(now)) {
      if (!more) throw std::runtime_error(more.error().text);
      if (!*more) return;
    }
  }
  /// The first value of an answer of the newest file, as text, read by a connection of its own.
  [[nodiscard]] std::string ask(const std::string& sql) const { return ask(file(), sql); }
  [[nodiscard]] static std::string ask(const std::filesystem::path& file, const std::string& sql) {
    SQLite::Database database(file.string(), SQLite::OPEN_READONLY);
    return database.execAndGet(sql).getString();
  }
  [[nodiscard]] std::string count(const std::string& table) const {
    return ask("SELECT count(*) FROM " + table);
  }
  [[nodiscard]] std::filesystem::path path() const { return root / "bridge" / "archive"; }
  [[nodiscard]] std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> found;
    const auto names = list_archive(path());
    for (const ArchiveName& name : names.value()) found.push_back(path() / to_text(name));
    return found;
  }
  /// The newest.
  [[nodiscard]] std::filesystem::path file() const { return files().back(); }
  /// What lies in the archive's folder, by name.
  [[nodiscard]] std::string listing() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path()))
      names.insert(entry.path().filename().string());
    return fmt::format("{}", fmt::join(names, " "));
  }

  TempFolder folder;
  std::filesystem::path root = folder.path();
  Config config = bridge_config();
  std::unique_ptr<Archive> archive;
  std::unique_ptr<Recorder> recorder;

 private:
  std::uint64_t next_ = 0;
};

/// `text` with the first `old_part` replaced.
inline std::string replaced(std::string text, const std::string& old_part, const std::string& new_part) {
  return text.replace(text.find(old_part), old_part.size(), new_part);
}

/// As the gateway takes a window back.
inline const std::string kRetraction =
    R"({"id":"wild/5m/north/temperature/2026-11-22T11:20:00Z","revision":1,"network":"wild","window":"5m",)"
    R"("group":"north","metric":"temperature","unit":"Cel","start":"2026-11-22T11:20:00Z","end":"2026-11-22T11:25:00Z",)"
    R"("closed_by":"late","count":0,"sensors":0,"sum":0,"mean":null,"min":null,"max":null,"stddev":null,)"
    R"("first":null,"last":null,"watermark":"2026-11-22T11:25:01Z","late":0,"seq_gaps":0,"retracted":true})";

inline const std::string kAggregate =
    R"({"id":"wild/5m/north/temperature/2026-11-22T11:20:00Z","revision":0,"network":"wild","window":"5m",)"
    R"("group":"north","metric":"temperature","unit":"Cel","start":"2026-11-22T11:20:00Z","end":"2026-11-22T11:25:00Z",)"
    R"("closed_by":"watermark","count":100,"sensors":10,"sum":2262.0,"mean":22.62,"min":18.1,"max":27.4,"stddev":1.98,)"
    R"("first":22.5,"last":22.1,"watermark":"2026-11-22T11:25:01Z","late":0,"seq_gaps":3})";

}  // namespace lookout::test
