"""Dimensions: by what clicks are broken down."""

from enum import StrEnum


class Dimension(StrEnum):
    """By what figures are broken down; the same names as the API's `Dimension`."""

    LINK = "LINK"
    CAMPAIGN = "CAMPAIGN"
    TEMPLATE = "TEMPLATE"
    TAG = "TAG"
    COUNTRY = "COUNTRY"
    REGION = "REGION"
    CITY = "CITY"
    DEVICE = "DEVICE"
    OS = "OS"
    BROWSER = "BROWSER"
    LANGUAGE = "LANGUAGE"
    REFERRER = "REFERRER"
    VARIANT = "VARIANT"
    RULE = "RULE"
    UTM_SOURCE = "UTM_SOURCE"
    UTM_MEDIUM = "UTM_MEDIUM"
    UTM_CAMPAIGN = "UTM_CAMPAIGN"
    UTM_TERM = "UTM_TERM"
    UTM_CONTENT = "UTM_CONTENT"
    KIND = "KIND"
    WEEKDAY = "WEEKDAY"
    HOUR = "HOUR"
    ATTRIBUTE = "ATTRIBUTE"
