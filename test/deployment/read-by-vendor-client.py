"""Reads the v2 lists of a simulator with the vendor's own client, page by page, and prints what it found as JSON.

Usage: read-by-vendor-client.py URL KEY SINCE
"""

import json
import sys

from keap_core_v2_client import ApiClient, Configuration, ContactApi, EmailAddressApi

url, key, since = sys.argv[1:]
client = ApiClient(Configuration(host=url + "/crm"))
client.set_default_header("X-Keap-API-Key", key)

FIELDS = (
    "id,given_name,family_name,email_addresses,phone_numbers,addresses,company,custom_fields,"
    "social_accounts,tag_ids,create_time,update_time"
).split(",")


def pages(read, items):
    token = None
    while True:
        page = read(token)
        # Unknown properties would be kept here: the simulator must not show any.
        assert page.additional_properties == {}, page.additional_properties
        for item in getattr(page, items) or []:
            assert item.additional_properties == {}, item.additional_properties
            yield item
        token = page.next_page_token
        if not token:
            return


contacts = list(
    pages(
        lambda token: ContactApi(client).list_contacts(
            fields=FIELDS, order_by="update_time asc", page_size=1000, page_token=token,
            filter=f"start_update_time=={since}",
        ),
        "contacts",
    )
)
tags = list(
    pages(
        lambda token: ContactApi(client).list_tags_across_contacts(
            filter=f"since_applied_time=={since}", page_size=1000, page_token=token
        ),
        "tags",
    )
)
addresses = list(
    pages(
        lambda token: EmailAddressApi(client).list_email_address_statuses(
            filter="opted_in==false", page_size=1000, page_token=token
        ),
        "email_addresses",
    )
)
print(
    json.dumps(
        {
            "contacts": len({contact.id for contact in contacts}),
            "tagged": len([contact for contact in contacts if contact.tag_ids]),
            "statuses": sorted({each.email_opt_status for contact in contacts for each in contact.email_addresses or []}),
            "tags": len(tags),
            "addresses": {each.email: each.status for each in addresses},
        }
    )
)
