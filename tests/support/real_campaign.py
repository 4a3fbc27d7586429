"""A campaign of real trainings in this process: its decisions, tests and references, without Ray and MLflow."""

from gear.testing.pairs import molecules
from gear.training.folds import make_run
from search.campaign.campaign import Campaign
from search.campaign.trial_report import TrialReport
from search.launch.prepare import create_store, prepare_data
from search.results.finalize import judge_results
from search.simulation.simulator import Simulation


def own_tables(folder):
    """Two small tables of molecules with values that their size decides: the flags that make them a pair."""
    for name, factor, column in (("mine", 7, "tg"), ("other", 9, "tm")):
        lines = [f"{smiles},{90 + factor * len(smiles)}" for smiles in molecules()]
        (folder / f"{name}.csv").write_text("\n".join([f"smiles,{column}", *lines]))
    mine = ["--target-data", str(folder / "mine.csv"), "--target-column", "tg"]
    return [*mine, "--source-data", str(folder / "other.csv"), "--source-column", "tm"]


def real_campaign(plan, folder):
    """Search a plan and test its winners; the campaign lies in the folder afterwards."""
    data = prepare_data(plan, print)

    def rows(job):
        run = make_run(job.spec)
        for result in run.epochs():
            place = f"checkpoints/{job.study}/{job.number:04d}/attempt-0/epoch-{result.epoch}"
            with (folder / place).written() as path:
                run.save(path)
            yield TrialReport(result.status, result.reason, result.epoch, result.metrics(), place)

    with create_store(folder, plan, data) as store:
        campaign = Campaign(plan, store.append, store.events())
        Simulation(campaign, rows).run()
        judge_results(campaign, store, print)
    return campaign
