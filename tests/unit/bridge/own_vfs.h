#pragma once

#include <sqlite3.h>

namespace lookout::test {

/// SQLite's way to the disk, as usual but for what a test makes of it, as long as this lives. One at a time.
class OwnVfs {
 public:
  OwnVfs(const OwnVfs&) = delete;
  OwnVfs& operator=(const OwnVfs&) = delete;
  ~OwnVfs() { sqlite3_vfs_unregister(&vfs_); }

 protected:
  /// `change` is given the methods before they are used, and gives them functions without a context.
  template <typename Change>
  explicit OwnVfs(Change change) {
    usual_ = sqlite3_vfs_find(nullptr);
    vfs_ = *usual_;
    vfs_.zName = "own";
    change(vfs_);
    sqlite3_vfs_register(&vfs_, 1);
  }
  static sqlite3_vfs& usual() { return *usual_; }

 private:
  static inline sqlite3_vfs* usual_ = nullptr;
  sqlite3_vfs vfs_{};
};

}  // namespace lookout::test
