#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/broker.h"
#include "tests/support/child_process.h"

using namespace lookout::test;

namespace {

namespace fs = std::filesystem;

constexpr const char* kSession = "durable";
constexpr int kMessages = 200;

fs::path file_of(const Broker& broker) { return broker.folder() / "mosquitto.db"; }

/// As a save, a full disk or a power cut does: in place of the old file, which others may link to.
void replace(const fs::path& file, const std::string& content) {
  spit(file.string() + ".damaged", content);
  fs::rename(file.string() + ".damaged", file);
}

int subscribe(const Broker& broker, const std::vector<std::string>& how) {
  std::vector<std::string> command{"mosquitto_sub",
                                   "-p",
                                   broker.port_text(),
                                   "-c",
                                   "-i",
                                   kSession,
                                   "-q",
                                   "1",
                                   "-t",
                                   "queued/#",
                                   "-W",
                                   "10"};
  command.insert(command.end(), how.begin(), how.end());
  return run(command).code;
}

/// Stopped with a session that has messages queued, and a file that says so.
void fill(Broker& broker) {
  REQUIRE(subscribe(broker, {"-E"}) == 0);
  std::string lines;
  for (int i = 0; i < kMessages; ++i) lines += "a payload of some length, number " + std::to_string(i) + '\n';
  const TempFolder folder;
  spit(folder / "lines", lines);
  REQUIRE(run({"sh", "-c", "mosquitto_pub -l -q 1 -t queued/message -p \"$1\" <\"$2\"", "sh",
               broker.port_text(), (folder / "lines").string()})
              .code == 0);
  broker.stop();
  REQUIRE(fs::file_size(file_of(broker)) > kMessages * 100);
}

Finished check(const Broker& broker) {
  return run({source_path("scripts/broker-check"), file_of(broker).string()});
}

bool refused_by_mosquitto(const Broker& broker) {
  return run({"mosquitto", "-c", (broker.folder() / "mosquitto.conf").string()}, std::chrono::seconds{5})
             .code == 1;
}

bool has_all_messages(const Broker& broker) {
  return subscribe(broker, {"-C", std::to_string(kMessages)}) == 0;
}

std::size_t set_aside(const Broker& broker) {
  return static_cast<std::size_t>(std::ranges::count_if(
      fs::directory_iterator(broker.folder().path()), [](const fs::directory_entry& entry) {
        return entry.path().filename().string().starts_with("mosquitto.db.corrupt.");
      }));
}

std::string first(const std::string& content, double share) {
  return content.substr(0, static_cast<std::size_t>(share * static_cast<double>(content.size())));
}

}  // namespace

TEST_CASE("broker check: a damaged file is set aside and the last good one takes its place") {
  Broker broker;
  fill(broker);
  REQUIRE(check(broker).code == 0);
  const std::string good = slurp(file_of(broker));
  const std::string zeros(good.size(), '\0');
  const auto damaged = GENERATE_COPY(as<std::string>{}, first(good, 0.7), first(good, 0.9), first(good, 0.99),
                                     zeros, first(good, 0.5) + first(zeros, 0.5), "");
  replace(file_of(broker), damaged);
  const bool half = damaged.size() == first(good, 0.5).size() + first(zeros, 0.5).size() && damaged != zeros;
  // These Mosquitto takes, and has lost everything.
  CHECK(refused_by_mosquitto(broker) == (!damaged.empty() && !half));
  replace(file_of(broker), damaged);
  const auto checked = check(broker);
  INFO(checked.err);
  CHECK(checked.code == 0);
  CHECK(checked.err.find("is damaged") != std::string::npos);
  CHECK(checked.err.find("the broker begins with the one saved ") != std::string::npos);
  CHECK(set_aside(broker) == 1);
  broker.start();
  CHECK(has_all_messages(broker));
}

TEST_CASE("broker check: a flipped bit anywhere never keeps the broker from starting") {
  Broker broker;
  fill(broker);
  REQUIRE(check(broker).code == 0);
  const std::string good = slurp(file_of(broker));
  // The file's head, the first entry's head and length, and places all over it.
  std::vector<std::size_t> places{0, 18, 22, 26, 30};
  for (std::size_t i = 1; i < 8; ++i) places.push_back(good.size() * i / 8);
  for (const std::size_t place : places) {
    INFO(place);
    std::string damaged = good;
    damaged[place] = static_cast<char>(damaged[place] ^ 4);
    replace(file_of(broker), damaged);
    CHECK(check(broker).code == 0);
    broker.start();
    broker.stop();
    replace(file_of(broker), good);
    REQUIRE(check(broker).code == 0);
  }
}

TEST_CASE("broker check: with nothing good kept the broker begins anew") {
  Broker broker;
  fill(broker);
  const bool missing = GENERATE(false, true);
  if (missing) {
    fs::remove(file_of(broker));
  } else {
    replace(file_of(broker), first(slurp(file_of(broker)), 0.9));
  }
  const auto checked = check(broker);
  CHECK(checked.code == 0);
  CHECK(checked.err.find("the broker begins anew") != std::string::npos);
  CHECK(set_aside(broker) == (missing ? 0 : 1));
  broker.start();
  CHECK(subscribe(broker, {"-E"}) == 0);
}

TEST_CASE("broker check: a kept file that is damaged as well is set aside too") {
  Broker broker;
  fill(broker);
  REQUIRE(check(broker).code == 0);
  spit(file_of(broker), "");  // in place: both names are this file's
  const auto checked = check(broker);
  CHECK(checked.code == 0);
  CHECK(set_aside(broker) == 2);
  CHECK_FALSE(fs::exists(file_of(broker)));
  broker.start();
}

TEST_CASE("broker check: where no Mosquitto comes up at all nothing is touched") {
  Broker broker;
  fill(broker);
  const std::string damaged = first(slurp(file_of(broker)), 0.9);
  replace(file_of(broker), damaged);
  const TempFolder folder;
  spit(folder / "mosquitto", "#!/bin/sh\necho 'Error: no.' >&2\nexit 1\n");
  fs::permissions(folder / "mosquitto", fs::perms::owner_all);
  const auto checked = run({"sh", "-c", "PATH=$1:$PATH exec \"$2\" \"$3\"", "sh", folder.path().string(),
                            source_path("scripts/broker-check"), file_of(broker).string()});
  CHECK(checked.code == 1);
  CHECK(slurp(file_of(broker)) == damaged);
  CHECK(set_aside(broker) == 0);
}
