// The job scripts of workflows/slurm as Slurm runs them, with programs in the place of mpirun and
// Slurm that say how they were called.
#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/apps/process.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class JobScript : public testing::Test {
 protected:
  std::string scripts() const { return source_file("workflows/slurm"); }

  Outcome in_shell(std::string const& environment, std::string const& command) const {
    return outcome_of(concat("cd ",
                             scratch_ / ".",
                             " && env -i HOME=/tmp PATH=",
                             source_file("tests/system/slurm_stand_ins"),
                             ":\"$PATH\" EDDYLINE=/bin/true ",
                             environment,
                             " timeout 60 ",
                             command));
  }
  /// What Slurm does with `sbatch script words…`: runs a copy from a folder of its own.
  Outcome job(std::string const& script,
              std::string const& words,
              std::string const& environment) const {
    std::filesystem::copy_file(
        script, scratch_ / "slurm_script", std::filesystem::copy_options::overwrite_existing);
    return in_shell(
        concat("SLURM_JOB_ID=7 SLURM_SUBMIT_DIR=",
               scratch_ / ".",
               " SLURM_JOB_NODELIST=a,b,c SLURM_CPUS_ON_NODE=0 'SLURM_TASKS_PER_NODE=4(x2),1' "
               "'COMMAND=",
               script,
               " ",
               words,
               "' ",
               environment),
        concat("bash -c 'SCRIPT=$$ exec bash slurm_script ", words, "'"));
  }
  Outcome training(std::string const& environment) const {
    return job(scripts() + "/train.slurm", "a.yaml", environment);
  }

  Scratch scratch_;
};

// The first words of a rank that gets SIGUSR1 before it is ready for it, and of a job that sends
// it.
std::string const kTooEarly = "'MPIRUN_DOES=kill -USR1 $SCRIPT; exec sleep 20' ";
std::string const kSaved = "'MPIRUN_DOES=exit 75' ";
std::string const kQueued = "requeue 7\njob 7 has saved and waits in the queue to go on\n";

TEST_F(JobScript, QueuesAJobThatHasSavedAndNoOther) {
  auto const saved = training(kSaved);
  EXPECT_EQ(saved.code, 75);
  EXPECT_THAT(saved.text, HasSubstr("job 7, start 1: 9 ranks on a,b,c\n"));
  EXPECT_THAT(saved.text, HasSubstr("</bin/true> <train> <a.yaml> <--resume> "));
  EXPECT_THAT(saved.text, EndsWith(kQueued));
  auto const failed = training("'MPIRUN_DOES=exit 1' ");
  EXPECT_EQ(failed.code, 1);
  EXPECT_THAT(failed.text, EndsWith("submitted again it goes on\n"));
  EXPECT_THAT(failed.text, Not(HasSubstr("requeue 7")));
  // Slurm would queue a job that was cancelled, too.
  EXPECT_THAT(training(kSaved + "STATE=COMPLETING").text,
              EndsWith("has saved, but Slurm does not requeue it; submitted again it goes on\n"));
}

TEST_F(JobScript, LosesNoSignalThatComesBeforeMpirunStartsOrAfterItEnds) {
  auto const before = training(
      "'SHOW_DOES=[ -e started ] || kill -USR1 $SCRIPT; touch started' "
      "'MPIRUN_DOES=exec sleep 20' ");
  EXPECT_EQ(before.code, 75) << before.text;
  EXPECT_THAT(before.text, AllOf(EndsWith(kQueued), Not(HasSubstr("<train>"))));
  auto const after = training(kSaved + "'REQUEUE_DOES=kill -USR1 $SCRIPT; kill -TERM $SCRIPT' ");
  EXPECT_EQ(after.code, 75) << after.text;
  EXPECT_THAT(after.text, EndsWith(kQueued));
}

TEST_F(JobScript, EndsWhereItsSignalComesBeforeItIsReadyTwiceInARow) {
  auto const start = [&](int restarts, std::string const& mpirun) {
    return training(concat(mpirun, "SLURM_RESTART_COUNT=", restarts)).text;
  };
  EXPECT_THAT(start(0, kTooEarly), EndsWith(kQueued));
  EXPECT_THAT(start(1, kSaved), EndsWith(kQueued)) << "it got somewhere in between";
  EXPECT_THAT(start(2, kTooEarly), EndsWith(kQueued));
  auto const again = training(kTooEarly + "SLURM_RESTART_COUNT=3");
  EXPECT_EQ(again.code, 75);
  EXPECT_THAT(again.text, Not(HasSubstr("requeue 7")));
  EXPECT_THAT(again.text,
              HasSubstr("job 7 was told to stop before it was ready, and is not queued again: ask "
                        "for a --time that is minutes longer than the lead of --signal"));
  EXPECT_THAT(start(0, kTooEarly), EndsWith(kQueued)) << "submitted again";
}

TEST_F(JobScript, LetsAnEvaluationGoOnAtTheSignalThatOthersSaveAtAndEndAtSigterm) {
  auto const evaluation = [&](std::string const& signal) {
    return job(scripts() + "/evaluate.slurm",
               "a.yaml",
               concat("'MPIRUN_DOES=kill -", signal, " $SCRIPT; sleep 1; echo scores' "));
  };
  auto const warned = evaluation("USR1");
  EXPECT_EQ(warned.code, 0) << warned.text;
  EXPECT_THAT(warned.text, AllOf(HasSubstr("<--overwrite> "), EndsWith("scores\n")));
  auto const ended = evaluation("TERM");
  EXPECT_EQ(ended.code, 128 + SIGTERM) << ended.text;
  EXPECT_THAT(ended.text, AllOf(Not(HasSubstr("scores")), Not(HasSubstr("requeue"))));
}

TEST_F(JobScript, TellsMpirunItsPatienceThePlacesOfTheRanksAndWhatTheyRunUnder) {
  auto const unbound = training(
      "EDDYLINE_SAVE_SECONDS=17 SLURM_CPUS_PER_TASK=3 'EDDYLINE_UNDER=xvfb-run -s \"-screen 0 "
      "8x8x24\"' ");
  EXPECT_THAT(unbound.text,
              HasSubstr("<--mca> <odls_base_sigkill_timeout> <17> <--bind-to> <none> <-x> "
                        "<OMP_NUM_THREADS=3> <xvfb-run> <-s> <-screen 0 8x8x24> </bin/true> "));
  auto const bound = training("SLURM_CPUS_PER_TASK=3 SLURM_CPUS_ON_NODE=$(nproc) ");
  EXPECT_THAT(bound.text,
              HasSubstr("<odls_base_sigkill_timeout> <5> <--use-hwthread-cpus> <--map-by> "
                        "<slot:PE=3> <--bind-to> <hwthread> </bin/true> "));
}

TEST_F(JobScript, BindsARankToItsCoresWhereTheJobHasThemForItself) {
  auto const bound = training(concat("SLURM_CPUS_ON_NODE=$(nproc) EDDYLINE=$(command -v nproc) ",
                                     "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ",
                                     "'MPIRUN_DOES=shift 3; exec ",
                                     EDDYLINE_MPIRUN,
                                     " -np 1 \"${@:1:$#-3}\"' "));
  EXPECT_EQ(bound.code, 0) << bound.text;
  EXPECT_THAT(bound.text, EndsWith("\n1\n")) << "one core, whatever the machine has";
}

TEST_F(JobScript, MayBeCopiedUnderAnyNameBesideLaunchSh) {
  auto const copy = scratch_ / "my job.sh";
  std::filesystem::copy_file(scripts() + "/train.slurm", copy);
  auto const alone = job(copy, "a.yaml train.batch=2", "");
  EXPECT_EQ(alone.code, 2);
  EXPECT_THAT(
      alone.text,
      HasSubstr(concat(
          "error: there is no launch.sh beside '", copy, "'; copy that of workflows/slurm to '")));
  std::filesystem::copy_file(scripts() + "/launch.sh", scratch_ / "launch.sh");
  EXPECT_THAT(job(copy, "a.yaml train.batch=2", "").text,
              HasSubstr("<train> <a.yaml> <train.batch=2> <--resume> "));
}

TEST_F(JobScript, AChainSubmitsNothingUnlessAllOfItIsThere) {
  for (auto const* name : {"a.yaml", "b.yaml", "c.yaml"}) {
    std::ofstream(scratch_ / name) << "";
  }
  auto const chain = [&](std::string const& words) {
    return in_shell("", scripts() + "/chain.sh " + words);
  };
  auto const whole = chain("--time=9 -n8 a.yaml x=1 b.yaml c.yaml");
  EXPECT_EQ(whole.code, 0);
  EXPECT_THAT(whole.text,
              AllOf(HasSubstr(concat("<--parsable> <--time=9> <-n8> <", scripts())),
                    HasSubstr("train.slurm> <a.yaml> <x=1> train: job 7\n"),
                    HasSubstr("<--dependency=afterok:7> <--kill-on-invalid-dep=yes> <"),
                    HasSubstr("evaluate.slurm> <c.yaml> evaluate: job 7\n")));
  struct Case {
    std::string words, message;
  };
  for (auto const& [words, message] :
       {Case{"--time=1", "name configurations: chain.sh TRAIN.yaml ROLLOUT.yaml"},
        Case{"a.yaml b.yaml c.yaml a.yaml", "'a.yaml' is a fourth configuration; a chain has"},
        Case{"-n 8 a.yaml b.yaml",
             "there is no configuration '8'; an option of sbatch is one word: --ntasks=8 or -n8"},
        Case{"a.yaml x=1 d.yaml", "there is no configuration 'd.yaml'"}}) {
    auto const refused = chain(words);
    EXPECT_EQ(refused.code, 2) << words;
    EXPECT_THAT(refused.text, AllOf(HasSubstr("error: " + message), Not(HasSubstr("job 7"))));
  }
}

}  // namespace
}  // namespace eddyline
