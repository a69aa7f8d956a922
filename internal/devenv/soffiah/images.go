package soffiah

import (
	"bytes"
	"context"
	"fmt"
	stdimage "image"
	"image/color"
	"image/png"
	"math/rand/v2"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sync/errgroup"

	"github.com/soffiah/habeas/internal/devenv"
)

// Bucket is the bucket of the uploaded images.
const Bucket = "soffiah-uploads"

// image is one object of the bucket.
type image struct {
	key     string
	content []byte
}

// draw makes a PNG of a few random colours.
func draw(r *rand.Rand, size int) []byte {
	palette := color.Palette{}
	for range 4 {
		palette = append(palette, color.RGBA{byte(r.UintN(256)), byte(r.UintN(256)), byte(r.UintN(256)), 255})
	}
	picture := stdimage.NewPaletted(stdimage.Rect(0, 0, size, size), palette)
	for i := range picture.Pix {
		picture.Pix[i] = byte(r.UintN(4))
	}
	var encoded bytes.Buffer
	// Writing to memory cannot fail, and the picture is a valid one.
	_ = png.Encode(&encoded, picture)
	return encoded.Bytes()
}

func objectClient(objects *devenv.Objects) (*minio.Client, error) {
	client, err := minio.New(objects.Endpoint(), &minio.Options{
		Creds: credentials.NewStaticV4(objects.AccessKey(), objects.SecretKey(), ""), Region: "us-east-1",
	})
	if err != nil {
		return nil, fmt.Errorf("opening the object store: %w", err)
	}
	return client, nil
}

// upload puts images into the bucket. A second time changes nothing.
func upload(ctx context.Context, objects *devenv.Objects, images []image) error {
	client, err := objectClient(objects)
	if err != nil {
		return err
	}
	exists, err := client.BucketExists(ctx, Bucket)
	if err == nil && !exists {
		err = client.MakeBucket(ctx, Bucket, minio.MakeBucketOptions{})
	}
	if err != nil {
		return fmt.Errorf("creating the bucket: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, picture := range images {
		group.Go(func() error {
			_, err := client.PutObject(ctx, Bucket, picture.key, bytes.NewReader(picture.content), int64(len(picture.content)),
				minio.PutObjectOptions{ContentType: "image/png", DisableMultipart: true, DisableContentSha256: true})
			if err != nil {
				return fmt.Errorf("uploading an image: %w", err)
			}
			return nil
		})
	}
	return group.Wait()
}
