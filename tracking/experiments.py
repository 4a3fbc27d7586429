"""The experiment of a campaign in MLflow: found by the campaign's identity, made where it is missing."""

from gear.errors import StorageError
from tracking.client import artifact_location
from tracking.identity import CREATED, ID, CampaignIdentity
from tracking.mlflow_api import Experiment, LifecycleStage, MlflowClient, MlflowException

__all__ = ["find_experiment", "open_experiment"]


def find_experiment(client: MlflowClient, campaign: CampaignIdentity) -> Experiment | None:
    """The experiment of a campaign, whatever its name is; None where it is not recorded.

    An experiment that an earlier version made has no id, and is found by its name and time.
    """
    if campaign.id:
        named = client.search_experiments(filter_string=f"tags.`{ID}` = '{campaign.id}'", max_results=1)
        if named:
            return named[0]
    for name in dict.fromkeys((campaign.name, f"{campaign.name} {campaign.created}", campaign.other_name)):
        found = client.get_experiment_by_name(name)
        if found is not None and campaign.owns(found.tags):
            return found
    return None


def open_experiment(client: MlflowClient, tracking_uri: str, campaign: CampaignIdentity) -> str:
    """Id of a campaign's experiment, made if missing; that of another campaign of the same name is not touched.

    Raises:
        StorageError: the experiment was deleted.
        MlflowException: the server is away, or rejects a request.
    """
    found = find_experiment(client, campaign) or _made(client, tracking_uri, campaign)
    if found.lifecycle_stage == LifecycleStage.DELETED:
        raise StorageError(f"experiment {found.name} was deleted: mlflow experiments restore -x {found.experiment_id}")
    if campaign.id and ID not in found.tags:  # of an earlier version, resumed by this one
        client.set_experiment_tag(found.experiment_id, ID, campaign.id)
    if found.name not in (campaign.name, campaign.other_name) and client.get_experiment_by_name(campaign.name) is None:
        client.rename_experiment(found.experiment_id, campaign.name)
    return str(found.experiment_id)


def _made(client: MlflowClient, tracking_uri: str, campaign: CampaignIdentity) -> Experiment:
    """A new experiment under the campaign's name or, where another has it, under that and its id."""
    tags = {CREATED: campaign.created, "mlflow.experimentKind": "custom_model_development"}  # not an LLM app
    tags |= {ID: campaign.id} if campaign.id else {}
    for name in (campaign.name, campaign.other_name):
        if client.get_experiment_by_name(name) is not None:
            continue
        location = artifact_location(tracking_uri, name.replace(":", "-").replace(" ", "-"))
        try:
            return client.get_experiment(client.create_experiment(name, location, tags))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # by another driver in this moment
                raise
            if (found := client.get_experiment_by_name(name)) is not None and campaign.owns(found.tags):
                return found
    raise StorageError(f"experiment {campaign.name} belongs to another campaign: give another --name")
