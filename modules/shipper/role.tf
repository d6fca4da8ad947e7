# The shipper's role. Each action has its reason in docs/guides/security.md.

resource "aws_iam_role" "shipper" {
  name                 = "${var.name}-shipper-${local.region}"
  assume_role_policy   = data.aws_iam_policy_document.lambda.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "shipper" {
  name   = "ship"
  role   = aws_iam_role.shipper.id
  policy = data.aws_iam_policy_document.shipper.json
}

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
  # Those in the bucket for undelivered events are among its objects.
  dynamic "statement" {
    for_each = compact(var.tag_tables[*].bucket)

    content {
      sid       = "TagTables"
      actions   = ["s3:GetObject"]
      resources = ["arn:${local.partition}:s3:::${statement.value}/logagg/tags/*"]
    }
  }
  dynamic "statement" {
    for_each = compact(var.tag_tables[*].kms_key_arn)

    content {
      sid       = "DecryptTagTables"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }
  dynamic "statement" {
    for_each = length(var.secret_arns) > 0 ? [var.secret_arns] : []

    content {
      sid       = "Secrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = statement.value
    }
  }
  dynamic "statement" {
    for_each = length(var.parameter_arns) > 0 ? [var.parameter_arns] : []

    content {
      sid       = "Parameters"
      actions   = ["ssm:GetParameter"]
      resources = statement.value
    }
  }
  dynamic "statement" {
    for_each = length(var.secret_kms_key_arns) > 0 ? [var.secret_kms_key_arns] : []

    content {
      sid       = "DecryptSecrets"
      actions   = ["kms:Decrypt"]
      resources = statement.value
    }
  }
  # Of the parameter, the environment, the bucket and the queue.
  dynamic "statement" {
    for_each = var.kms_key_arn[*]

    content {
      sid       = "Encrypt"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
  dynamic "statement" {
    for_each = var.vpc_config[*]

    # AWS has no narrower resource for these actions.
    content {
      sid = "NetworkInterfaces"
      actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"]
    }
  }
  dynamic "statement" {
    for_each = var.tracing_mode == "Active" ? [true] : []

    # AWS has no narrower resource for these actions.
    content {
      sid       = "Traces"
      actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      resources = ["*"]
    }
  }
  dynamic "statement" {
    for_each = var.extra_policy_statements

    content {
      sid       = statement.value.sid
      effect    = statement.value.effect
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = statement.value.conditions

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }
}
