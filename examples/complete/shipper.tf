# The shipper: CloudWatch Logs invokes it, it delivers, and stores what it cannot deliver.

locals {
  shipper_timeout = 60
}

resource "aws_lambda_function" "shipper" {
  function_name    = "${var.name}-shipper"
  description      = "Forwards what CloudWatch Logs delivers, ${substr(sha256(aws_ssm_parameter.shipper.value), 0, 8)}"
  filename         = var.shipper_archive
  source_code_hash = filebase64sha256(var.shipper_archive)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  role             = aws_iam_role.shipper.arn
  memory_size      = 256
  timeout          = local.shipper_timeout

  reserved_concurrent_executions = var.shipper_concurrency

  environment {
    variables = {
      LOGAGG_CONFIG_SSM = aws_ssm_parameter.shipper.name
    }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.shipper.name
  }

  depends_on = [aws_iam_role_policy.shipper]
}

# The description above changes with it, so that Lambda starts new instances, which read it again.
resource "aws_ssm_parameter" "shipper" {
  name = "/${var.name}/shipper"
  type = "String"
  tier = "Intelligent-Tiering"

  value = jsonencode({
    destinations = var.destinations
    undelivered = {
      bucket       = aws_s3_bucket.undelivered.bucket
      bucket_owner = var.account_id
      prefix       = "logagg/"
      queue_url    = aws_sqs_queue.undelivered.url
    }
    metrics = { namespace = local.metrics_namespace }
  })
}

resource "aws_cloudwatch_log_group" "shipper" {
  name              = "/aws/lambda/${var.name}-shipper"
  retention_in_days = var.retention_in_days
}

# Who may invoke it: CloudWatch Logs, for log groups of this account and region.
resource "aws_lambda_permission" "cloudwatch_logs" {
  function_name  = aws_lambda_function.shipper.function_name
  statement_id   = "cloudwatch-logs"
  action         = "lambda:InvokeFunction"
  principal      = "logs.amazonaws.com"
  source_account = var.account_id
  source_arn     = "arn:${data.aws_partition.current.partition}:logs:${var.region}:${var.account_id}:log-group:*:*"
}

# What the function may do. Each action and its reason: docs/guides/security.md.
resource "aws_iam_role" "shipper" {
  name               = "${var.name}-shipper-${var.region}"
  assume_role_policy = data.aws_iam_policy_document.lambda.json
}

resource "aws_iam_role_policy" "shipper" {
  name   = "ship"
  role   = aws_iam_role.shipper.id
  policy = data.aws_iam_policy_document.shipper.json
}

data "aws_partition" "current" {}

data "aws_iam_policy_document" "lambda" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "shipper" {
  statement {
    sid       = "OwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.shipper.arn}:*"]
  }
  statement {
    sid       = "Configuration"
    actions   = ["ssm:GetParameter"]
    resources = [aws_ssm_parameter.shipper.arn]
  }
  statement {
    sid     = "Undelivered"
    actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = [
      "${aws_s3_bucket.undelivered.arn}/logagg/*",
      "${aws_s3_bucket.undelivered.arn}/aws/lambda/*",
    ]
  }
  statement {
    sid       = "ListUndelivered"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.undelivered.arn]
  }
  statement {
    sid = "Pointers"
    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
    ]
    resources = [aws_sqs_queue.undelivered.arn]
  }
  dynamic "statement" {
    for_each = length(var.secret_arns) > 0 ? [var.secret_arns] : []

    content {
      sid       = "Secrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = statement.value
    }
  }
}
