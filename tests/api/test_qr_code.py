"""Link.qrCode: the code of a short URL, and what it costs."""

import segno

from tests.api.conftest import Api

QR = """
query ($id: ID!, $format: QrFormat, $size: Int) {
  link(by: {id: $id}) { qrCode(format: $format, size: $size) }
}
"""


async def test_draws_svg_and_png(api: Api) -> None:
    link = await api.create(slug="qr-straße")
    svg = (await api("query ($id: ID!) { link(by: {id: $id}) { qrCode } }", id=link["id"]))["link"]["qrCode"]
    side = len(segno.make_qr(f"{link['shortUrl']}?qr=1", error="m").matrix) + 8
    assert 'width="512"' in svg
    assert f'viewBox="0 0 {side} {side}"' in svg
    assert (await api(QR, id=link["id"], format=None, size=None))["link"]["qrCode"] == svg
    png = (await api(QR, id=link["id"], format="PNG", size=256))["link"]["qrCode"]
    assert png.startswith("data:image/png;base64,iVBORw0KGgo")


async def test_a_size_out_of_bounds_is_refused(api: Api) -> None:
    link = await api.create()
    assert await api.code(QR, id=link["id"], format="SVG", size=4_096) == "BAD_REQUEST"


async def test_the_code_of_a_new_link_comes_with_it(api: Api) -> None:
    data = await api(
        'mutation { createLink(input: {destination: "https://example.com/"}) { link { shortUrl qrCode } } }'
    )
    link = data["createLink"]["link"]
    assert f"<title>QR code of {link['shortUrl']}</title>" in link["qrCode"]
