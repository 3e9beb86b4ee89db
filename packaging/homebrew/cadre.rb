# Made by shell/package from packaging/homebrew/cadre.rb.
class Cadre < Formula
  desc "Team of coding agents in tmux, over plain files and git worktrees"
  homepage "@HOME@"
  url "@URL@/cadre-@VERSION@-linux-@MACHINE@.tar.gz"
  version "@VERSION@"
  sha256 "@SHA256@"
  license "MIT"

  depends_on arch: :@BREW_MACHINE@
  depends_on "git"
  depends_on :linux
  depends_on "tmux"

  def install
    prefix.install "bin", "share"
  end

  test do
    assert_equal "cadre #{version}", shell_output("#{bin}/cadre --version").strip
    system "git", "init", "-q"
    system "git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-q", "--allow-empty", "-m", "one"
    system bin/"cadre", "init"
    assert_predicate testpath/".git/cadre/version", :exist?
  end
end
