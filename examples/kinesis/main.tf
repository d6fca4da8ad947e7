terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
    logagg = {
      source = "logagg/logagg"
    }
  }
}

variable "account_id" {
  description = "The account that is governed."
  type        = string
}

variable "region" {
  description = "The region whose log groups are governed."
  type        = string
}

variable "shipper_name" {
  description = "The shipper's function, such as that of ../complete."
  type        = string
}

variable "shipper_role_name" {
  description = "The role that the shipper's function has."
  type        = string
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]
}

provider "logagg" {
  region              = var.region
  allowed_account_ids = [var.account_id]
}

# Between CloudWatch Logs and the shipper: it keeps events for a day, and the shipper takes many at
# once instead of being invoked for each.
resource "aws_kinesis_stream" "logs" {
  name             = "logs"
  retention_period = 24
  encryption_type  = "KMS"
  kms_key_id       = "alias/aws/kinesis"

  stream_mode_details {
    stream_mode = "ON_DEMAND"
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

  # CloudWatch Logs tries a destination before it takes a filter. That the shipper reads the stream
  # has to be known before, too: its own log group is then never shipped to it.
  depends_on = [aws_iam_role_policy.to_stream, aws_lambda_event_source_mapping.shipper]
}

resource "aws_lambda_event_source_mapping" "shipper" {
  event_source_arn                   = aws_kinesis_stream.logs.arn
  function_name                      = var.shipper_name
  starting_position                  = "LATEST"
  batch_size                         = 100
  maximum_batching_window_in_seconds = 5
  parallelization_factor             = 2
  # Without this Lambda does not read which record failed, and repeats all of them.
  function_response_types = ["ReportBatchItemFailures"]

  depends_on = [aws_iam_role_policy.read_stream]
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

data "aws_iam_policy_document" "cloudwatch_logs" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["logs.amazonaws.com"]
    }
    condition {
      test     = "StringLike"
      variable = "aws:SourceArn"
      values   = ["arn:${data.aws_partition.current.partition}:logs:${var.region}:${var.account_id}:*"]
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
  role   = var.shipper_role_name
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
