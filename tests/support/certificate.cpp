#include "tests/support/certificate.h"

#include <stdexcept>

#include "tests/support/child_process.h"

namespace lookout::test {

void must(const std::vector<std::string>& command) {
  if (const auto finished = run(command); finished.code != 0)
    throw std::runtime_error(command[0] + ": " + finished.err);
}

void make_certificate(const TempFolder& folder, const std::string& name) {
  must({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
        (folder / (name + ".key")).string(), "-out", (folder / (name + ".crt")).string()});
}

}  // namespace lookout::test
