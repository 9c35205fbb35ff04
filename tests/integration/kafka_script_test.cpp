// scripts/kafka as a person uses it who wants to try out [kafka].
#include <catch2/catch.hpp>

#include "tests/support/child_process.h"
#include "tests/support/temp_folder.h"

using namespace lookout::test;
using namespace std::chrono_literals;

namespace {

/// A node that is stopped whatever happens.
class Node {
 public:
  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node() { call("stop"); }
  Finished call(const std::string& what) const {
    return run({source_path("scripts/kafka"), what, (folder_ / "node").string()}, 90s);
  }

 private:
  TempFolder folder_;
};

/// What stands between the quotes of: brokers = "127.0.0.1:20000"
std::string brokers_in(const std::string& out) {
  const auto begin = out.find('"') + 1;
  return out.substr(begin, out.rfind('"') - begin);
}

Finished kcat(const std::string& brokers, const std::string& words) {
  return run({"bash", "-c", "kcat -q -b " + brokers + " -X log_level=0 " + words}, 30s);
}

}  // namespace

TEST_CASE("scripts/kafka starts one Kafka at a place, stops it, and has its records after the next start") {
  const Node node;
  const auto started = node.call("start");
  INFO(started.err);
  REQUIRE(started.code == 0);
  REQUIRE(started.out.starts_with("brokers = \"127.0.0.1:"));
  const std::string brokers = brokers_in(started.out);
  REQUIRE(kcat(brokers, "-P -t kept <<<'a record'").code == 0);

  const auto again = node.call("start");
  CHECK(again.code != 0);
  CHECK(again.err.find("it runs already: brokers = \"" + brokers + "\"") != std::string::npos);

  CHECK(node.call("stop").code == 0);
  CHECK(kcat(brokers, "-m 2 -L").code != 0);
  CHECK(node.call("stop").err == "It does not run.\n");

  const auto restarted = node.call("start");
  INFO(restarted.err);
  REQUIRE(restarted.code == 0);
  CHECK(restarted.out == started.out);
  CHECK(kcat(brokers, "-C -t kept -o beginning -e").out == "a record\n");
}
