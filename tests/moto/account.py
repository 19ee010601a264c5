"""Fills the account of a moto with `fill`, and says with `look` what became of it. Prints JSON."""

import json
import sys

import boto3

ec2, rds, elb, s3, logs, sns, sqs, ssm, secrets = map(
    boto3.client,
    ["ec2", "rds", "elbv2", "s3", "logs", "sns", "sqs", "ssm", "secretsmanager"],
)


def instance(tags):
    tags = [{"Key": key, "Value": value} for key, value in tags.items()]
    specifications = [{"ResourceType": "instance", "Tags": tags}] if tags else []
    launched = ec2.run_instances(
        ImageId="ami-12c6146b",
        InstanceType="m5.xlarge",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=specifications,
    )
    return launched["Instances"][0]["InstanceId"]


def load_balancer():
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)
        for number, zone in enumerate(["us-east-1a", "us-east-1b"])
    ]
    subnets = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
    created = elb.create_load_balancer(Name="trial", Subnets=subnets, Type="network")
    balancer = created["LoadBalancers"][0]["LoadBalancerArn"]
    created = elb.create_target_group(Name="trial", Protocol="TCP", Port=80, VpcId=vpc)
    group = created["TargetGroups"][0]["TargetGroupArn"]
    action = {"Type": "forward", "TargetGroupArn": group}
    elb.create_listener(LoadBalancerArn=balancer, Protocol="TCP", Port=80, DefaultActions=[action])
    return balancer


def secret(name, text):
    return secrets.create_secret(Name=name, SecretString=text)["ARN"]


def fill(webhook_secret, google_credentials, check):
    topic = sns.create_topic(Name="sluice-local-alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    arn = arn["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    schedule, override = "sluice:office-hours", "sluice:office-hours-override"
    running = instance({schedule: "never"})
    stopped = instance({schedule: "never", override: "running until 2099-01-01T00:00Z"})
    idle = instance({})
    ec2.stop_instances(InstanceIds=[stopped, idle])
    rds.create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.m5.large",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="music",
        MasterUserPassword="a-password",
        Tags=[{"Key": schedule, "Value": "never"}],
    )

    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=100, VolumeType="gp3")
    volume = volume["VolumeId"]
    s3.create_bucket(Bucket="exports")
    s3.put_object(Bucket="exports", Key="2024.csv", Body=b"a" * 1_000_000)
    logs.create_log_group(logGroupName="/aws/lambda/plays")

    ssm.put_parameter(Name="/sluice/checks/plays", Type="String", Value=check)
    return {
        "topic": topic,
        "webhookSecret": secret("webhook", webhook_secret),
        "googleSecret": secret("google", google_credentials),
        "running": running,
        "stopped": stopped,
        "idle": {
            "instance": idle,
            "volume": volume,
            "address": ec2.allocate_address(Domain="vpc")["AllocationId"],
            "snapshot": ec2.create_snapshot(VolumeId=volume)["SnapshotId"],
            "load-balancer": load_balancer(),
            "bucket": "exports",
        },
    }


def look():
    reservations = ec2.describe_instances()["Reservations"]
    instances = [one for reservation in reservations for one in reservation["Instances"]]
    databases = rds.describe_db_instances()["DBInstances"]
    marked = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["sluice:idle-since"]}])
    queue = sqs.get_queue_url(QueueName="alerts")["QueueUrl"]
    subjects = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        subjects += [json.loads(message["Body"])["Subject"] for message in messages]
    return {
        "instances": {one["InstanceId"]: one["State"]["Name"] for one in instances},
        "databases": {one["DBInstanceIdentifier"]: one["DBInstanceStatus"] for one in databases},
        "marked": sorted(tag["ResourceId"] for tag in marked["Tags"]),
        "subjects": sorted(subjects),
    }


command, *arguments = sys.argv[1:]
print(json.dumps({"fill": fill, "look": look}[command](*arguments)))
