terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.8"
    }
    logagg = {
      source  = "logagg/logagg"
      version = "~> 0.1"
    }
  }
}

variable "region" {
  description = "Region of the log groups and of all resources."
  type        = string
}

variable "shipper_archive" {
  description = "Path of the shipper's archive, for arm64."
  type        = string
}

variable "url" {
  description = "URL of the Elasticsearch server."
  type        = string
}

provider "aws" {
  region = var.region
}

provider "logagg" {
  region = var.region
}

# Between CloudWatch Logs and the shipper: it keeps events for a day, and the shipper receives many at once instead of
# being invoked for each.
resource "aws_kinesis_stream" "logs" {
  name             = "logs"
  retention_period = 24
  encryption_type  = "KMS"
  kms_key_id       = "alias/aws/kinesis"

  stream_mode_details {
    stream_mode = "ON_DEMAND"
  }
}

# CloudWatch Logs may not invoke this shipper: it receives events from the stream alone, so none arrives twice.
module "shipper" {
  source = "../../modules/shipper"

  name                  = "logagg-stream"
  archive               = { path = var.shipper_archive }
  allow_cloudwatch_logs = false
  destinations = {
    search = { type = "elasticsearch", url = var.url, index = "logs-lambda" }
  }
}

resource "logagg_policy" "lambda" {
  name              = "lambda-to-stream"
  destination_arn   = aws_kinesis_stream.logs.arn
  role_arn          = aws_iam_role.to_stream.arn
  distribution      = "Random"
  retention_in_days = 30

  select {
    name_prefixes = ["/aws/lambda/"]
  }

  lifecycle {
    postcondition {
      condition     = self.pending == 0
      error_message = "Some log groups are not yet as the policy says: plan again to see which."
    }
  }

  # CloudWatch Logs tests a destination before it accepts a filter. That the shipper reads the stream has to be known
  # before, too: its own log group is then never forwarded to it.
  depends_on = [aws_iam_role_policy.to_stream, aws_lambda_event_source_mapping.shipper]
}

resource "aws_lambda_event_source_mapping" "shipper" {
  event_source_arn                   = aws_kinesis_stream.logs.arn
  function_name                      = module.shipper.function_name
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = 100
  maximum_batching_window_in_seconds = 5
  parallelization_factor             = 2
  # Without this Lambda ignores which record failed, and redelivers all of them.
  function_response_types = ["ReportBatchItemFailures"]

  depends_on = [aws_iam_role_policy.read_stream]
}

# Records expire after a day: the shipper does not keep up, or fails.
resource "aws_cloudwatch_metric_alarm" "iterator_age" {
  alarm_name          = "logagg-stream-iterator-age"
  alarm_description   = "Log events have waited in the stream for more than an hour, which keeps them for a day."
  namespace           = "AWS/Lambda"
  metric_name         = "IteratorAge"
  dimensions          = { FunctionName = module.shipper.function_name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 60 * 60 * 1000
  treat_missing_data  = "notBreaching"
}

# CloudWatch Logs writes to the stream with this role.
resource "aws_iam_role" "to_stream" {
  name               = "logs-to-stream-${var.region}"
  assume_role_policy = data.aws_iam_policy_document.cloudwatch_logs.json
}

resource "aws_iam_role_policy" "to_stream" {
  name   = "write"
  role   = aws_iam_role.to_stream.id
  policy = data.aws_iam_policy_document.to_stream.json
}

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "cloudwatch_logs" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [data.aws_partition.current.partition == "aws-cn" ? "logs.amazonaws.com.cn" : "logs.amazonaws.com"]
    }
    condition {
      test     = "StringLike"
      variable = "aws:SourceArn"
      values = [
        "arn:${data.aws_partition.current.partition}:logs:${var.region}:${data.aws_caller_identity.current.account_id}:*",
      ]
    }
  }
}

data "aws_iam_policy_document" "to_stream" {
  statement {
    actions   = ["kinesis:PutRecord"]
    resources = [aws_kinesis_stream.logs.arn]
  }
}

# Lambda reads the stream with the shipper's role.
resource "aws_iam_role_policy" "read_stream" {
  name   = "read-stream"
  role   = module.shipper.role_name
  policy = data.aws_iam_policy_document.read_stream.json
}

data "aws_iam_policy_document" "read_stream" {
  statement {
    actions = [
      "kinesis:DescribeStream",
      "kinesis:DescribeStreamSummary",
      "kinesis:GetRecords",
      "kinesis:GetShardIterator",
      "kinesis:ListShards",
    ]
    resources = [aws_kinesis_stream.logs.arn]
  }
}

output "skipped" {
  description = "Log groups that are selected but not subscribed, each with the reason."
  value       = logagg_policy.lambda.skipped
}
